//! Refuses to serve with settings that allow access without a secret, or let two processes work on the same rows.
//!
//! Checked before a process listens, not by commands that only read settings. Only `demo` may be unsafe,
//! because it listens on loopback only.

use super::errors::ConfigErrors;
use super::secret;
use super::settings::Settings;
use super::values::Profile;

/// What to do about a secret that is missing or weak.
const MAKE_ONE: &str = "make one with: openssl rand -hex 32";

/// # Errors
/// Everything that is unsafe, at once.
pub fn check_safety(settings: &Settings) -> Result<(), ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let exposed: Vec<_> = settings
        .listen_addresses()
        .into_iter()
        .filter(|address| !address.ip().is_loopback())
        .collect();
    match settings.profile {
        Profile::Demo => {
            for address in &exposed {
                let advice = "the demo profile is not safe to be reached from outside; listen on 127.0.0.1 or [::1], or use another profile with a secret of your own";
                errors.push("safety", "server.listen", Some(address.to_string()), advice);
            }
        }
        Profile::Standard => {
            check_secrets(settings, &mut errors);
            if !settings.auth.strict_claims {
                for address in &exposed {
                    let advice = format!(
                        "refused while listening on {address}: tokens without exp, iss, aud and scope would be taken from outside; set it to true, or listen on loopback only"
                    );
                    errors.push("safety", "auth.strict_claims", Some("false".into()), advice);
                }
            }
        }
    }
    if settings.database_url().is_some() {
        check_timeouts(settings, &mut errors);
    }
    errors.into_result(())
}

/// A process must have stopped writing a partition's rows before another can take its lease, so the lease must be longer
/// than the statement timeouts.
fn check_timeouts(settings: &Settings, errors: &mut ConfigErrors) {
    let (store, lease) = (&settings.store, settings.consumers.lease_ms);
    for (key, timeout) in [
        ("store.statement_timeout_ms", store.statement_timeout_ms),
        ("store.lock_timeout_ms", store.lock_timeout_ms),
        (
            "store.idle_in_transaction_timeout_ms",
            store.idle_in_transaction_timeout_ms,
        ),
        ("store.tcp_timeout_ms", store.tcp_timeout_ms),
    ] {
        if timeout >= lease {
            let advice = format!(
                "must be shorter than consumers.lease_ms, which is {} ms: else a process that hangs holds rows that another one has taken over",
                lease.get()
            );
            errors.push("safety", key, Some(timeout.get().to_string()), advice);
        }
    }
}

fn check_secrets(settings: &Settings, errors: &mut ConfigErrors) {
    if settings.auth.secrets.is_empty() {
        let advice = format!(
            "none is set, so no token could be checked; set JWT_SECRET or auth.secrets, {MAKE_ONE}"
        );
        errors.push("safety", "auth.secrets", None, advice);
    }
    for signing in &settings.auth.secrets {
        if let Some(weakness) = secret::weakness(signing.secret.expose()) {
            let about = Some(format!("[redacted] (kid {})", signing.kid));
            errors.push(
                "safety",
                "auth.secrets",
                about,
                format!("{weakness}; {MAKE_ONE}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn settings(pairs: &[(&'static str, &str)]) -> Settings {
        let sources = pairs.iter().fold(Sources::default(), |s, (key, text)| {
            s.flag("test", *key, *text)
        });
        Settings::load(&sources).expect("valid")
    }

    fn complaints(pairs: &[(&'static str, &str)]) -> Vec<String> {
        let errors = check_safety(&settings(pairs)).err().unwrap_or_default();
        errors.0.into_iter().map(|error| error.key).collect()
    }

    const GOOD: (&str, &str) = ("auth.secrets", "a=0123456789abcdef0123456789abcdef");

    #[test]
    fn a_secret_of_ones_own_is_accepted() {
        assert_eq!(complaints(&[GOOD]), Vec::<String>::new());
    }

    #[test]
    fn no_secret_a_short_one_and_a_well_known_one_refuse_to_start() {
        assert_eq!(complaints(&[]), ["auth.secrets"]);
        assert_eq!(
            complaints(&[("auth.secrets", "a=short,b=0123456789abcdef0123456789abcde")]).len(),
            2
        );
        for secret in secret::WELL_KNOWN {
            assert_eq!(
                complaints(&[("auth.secrets", &format!("a={secret}"))]),
                ["auth.secrets"]
            );
        }
    }

    #[test]
    fn lax_tokens_are_refused_on_any_address_but_loopback() {
        let lax = ("auth.strict_claims", "false");
        assert_eq!(complaints(&[GOOD, lax]), ["auth.strict_claims"]);
        assert_eq!(
            complaints(&[GOOD, lax, ("server.listen", "localhost:3000")]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_timeout_as_long_as_a_lease_is_refused_where_leases_are_shared() {
        let slow = ("store.statement_timeout_ms", "10s");
        assert_eq!(complaints(&[GOOD, slow]), Vec::<String>::new());
        let shared = ("store.url", "postgres://u@h/x");
        assert_eq!(
            complaints(&[GOOD, slow, shared]),
            ["store.statement_timeout_ms"]
        );
        assert_eq!(complaints(&[GOOD, shared]), Vec::<String>::new());
    }

    #[test]
    fn demo_starts_on_loopback_only() {
        let demo = ("profile", "demo");
        assert_eq!(complaints(&[demo]), Vec::<String>::new());
        assert_eq!(
            complaints(&[demo, ("server.listen", ":4000,127.0.0.1:5000")]),
            Vec::<String>::new()
        );
        assert_eq!(
            complaints(&[demo, ("server.listen", "0.0.0.0:3000,[::]:3000")]).len(),
            2
        );
    }

    #[test]
    fn a_complaint_about_a_secret_does_not_show_it() {
        let errors = check_safety(&settings(&[("auth.secrets", "a=hush-hush")])).expect_err("weak");
        assert!(!errors.to_string().contains("hush"));
    }
}
