//! `incidentd explain-code R0103`: what a finding means, with a bad and a good example.

use serde_json::json;

use crate::rules::codes::{self, ALL, Code};

use super::failure::Failure;
use super::{Output, Session, print};

/// The arguments of `explain-code`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The code of a finding, as in `error[R0103]`; all codes when there is none
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

/// Prints the explanation of a code, or the list of all.
///
/// # Errors
/// When there is no such code; says which one was probably meant.
pub fn run(session: &Session, args: &Args) -> Result<(), Failure> {
    match &args.code {
        None => list(session),
        Some(given) => {
            let code = codes::find(given).ok_or_else(|| Failure::NotFound(unknown(given)))?;
            show(session, code);
        }
    }
    Ok(())
}

fn show(session: &Session, code: &Code) {
    let Code { id, meaning, explanation } = code;
    match session.output {
        Output::Table => print::data(format!("{id}: {}", explanation.trim_end())),
        Output::Json => {
            print::data(json!({"code": id, "meaning": meaning, "explanation": explanation}));
        }
    }
}

fn list(session: &Session) {
    match session.output {
        Output::Table => {
            for code in ALL {
                print::data(format!("{}  {}", code.id, code.meaning));
            }
        }
        Output::Json => {
            let all = ALL.iter().map(|code| json!({"code": code.id, "meaning": code.meaning}));
            print::data(all.collect::<serde_json::Value>());
        }
    }
}

fn unknown(given: &str) -> String {
    match codes::like(given) {
        Some(code) => {
            format!("there is no code {given}; did you mean {} ({})?", code.id, code.meaning)
        }
        None => format!("there is no code {given}; without one incidentd explain-code lists all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_not_there_is_answered_with_the_nearest() {
        assert_eq!(
            unknown("R0113"),
            "there is no code R0113; did you mean R0103 (a matcher cannot be read)?"
        );
        assert!(unknown("help").ends_with("lists all"));
    }
}
