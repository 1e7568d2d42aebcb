//! `waybill completions`: the script that lets a shell complete commands, flags and their values.
//!
//! Generated from the same definitions that parse the command line, so it cannot know another set of flags.

use std::process::ExitCode;

use clap::Args;
use clap_complete::{Shell, generate};

use super::exit::Exit;
use super::{definition, output};

/// Print the script that makes a shell complete commands and flags
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  waybill completions bash > ~/.local/share/bash-completion/completions/waybill\n  waybill completions zsh > \"${fpath[1]}/_waybill\"\n  waybill completions fish > ~/.config/fish/completions/waybill.fish\n  waybill completions elvish >> ~/.config/elvish/rc.elv\n  waybill completions powershell >> $PROFILE\nOpen a new shell afterwards."
)]
pub struct CompletionsArgs {
    /// The shell to write for
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
#[must_use]
pub fn run(args: &CompletionsArgs) -> ExitCode {
    output::raw(&script(args.shell));
    Exit::Done.into()
}

fn script(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    generate(shell, &mut definition(), "waybill", &mut text);
    text
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_gets_a_script_that_knows_every_command() {
        let commands = definition();
        for shell in Shell::value_variants() {
            let text = String::from_utf8(script(*shell)).expect("scripts are text");
            for command in commands.get_subcommands() {
                let name = command.get_name();
                assert!(text.contains(name), "{shell} does not know `{name}`");
            }
        }
    }

    #[test]
    fn bash_accepts_its_script() {
        let mut bash = Command::new("bash")
            .arg("-n")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash is what ./scripts/test runs in");
        let mut input = bash.stdin.take().expect("it is piped");
        input
            .write_all(&script(Shell::Bash))
            .expect("bash reads it");
        drop(input);
        let output = bash.wait_with_output().expect("bash ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
    }
}
