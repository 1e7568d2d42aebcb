//! Countries: the officially assigned ISO 3166-1 alpha-2 codes.

use crate::echo::quoted;
use crate::problem::{Problem, code};

/// Officially assigned codes, and XK (Kosovo), which is not assigned but which carriers and shops use.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
     CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF \
     GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW \
     KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL \
     NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST \
     SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// Checks a country code as `DE`.
///
/// # Errors
/// `invalid_value`, naming `field`.
pub fn check(field: &str, text: &str) -> Result<(), Problem> {
    if text.len() == 2 && COUNTRIES.split(' ').any(|known| known == text) {
        return Ok(());
    }
    let detail = format!(
        "expected an ISO 3166-1 code of two capital letters, as DE; found {}",
        quoted(text)
    );
    Err(Problem::new(code::INVALID_VALUE, field, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_known_or_refused() {
        assert_eq!(COUNTRIES.split(' ').count(), 250);
        assert_eq!(check("countryCode", "DE"), Ok(()));
        for bad in [
            "", "de", "DEU", "Germany", "UK", "EU", "D ", "XX", "DE FR", "ÄÖ",
        ] {
            assert!(check("countryCode", bad).is_err(), "{bad}");
        }
    }
}
