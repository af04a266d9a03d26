//! What a CI needs of its causes to stand: all of them, or of some relation types only so many.
//!
//! Kept as the attribute `needs`, written `powered_by: any, runs_on: 2`: so every import and every
//! list of attributes has it without further words.

use core::fmt;

use super::relation::{RelationType, Types};

/// The attribute.
pub const NEEDS: &str = "needs";

/// How many causes of one relation type must stand for a CI to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Every one, which is what holds where nothing is said.
    All,
    /// So many, or every one where there are fewer; `any` is one.
    AtLeast(u32),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::AtLeast(1) => f.write_str("any"),
            Self::AtLeast(least) => write!(f, "{least}"),
        }
    }
}

/// What is wrong about needs, and the remedy.
pub(super) type Wrong = (String, String);

const FORM: &str = "write `needs: {powered_by: any, runs_on: 2}`: all, any, or how many";

/// Reads the attribute: by the place of the relation type, each type once.
pub(super) fn read(text: &str, types: &Types) -> Result<Vec<(u8, Need)>, Wrong> {
    let mut needs: Vec<(u8, Need)> = Vec::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let malformed = || (format!("`{}` is no need", part.trim()), FORM.to_owned());
        let (name, need) = part.split_once(':').ok_or_else(malformed)?;
        let (name, need) = (name.trim(), need.trim());
        let kind = types.kind(name).ok_or_else(|| unknown(name, types))?;
        if let Some(suffered) = types.get(kind).map(RelationType::suffered).filter(|it| *it != name)
        {
            let message = format!("`{name}` leads from the cause, and a CI needs its causes");
            return Err((message, format!("write `{suffered}`")));
        }
        let need = match need {
            "all" => Need::All,
            "any" => Need::AtLeast(1),
            number => match number.parse().ok().filter(|least| *least > 0) {
                Some(least) => Need::AtLeast(least),
                None => return Err(malformed()),
            },
        };
        if needs.iter().any(|(known, _)| *known == kind) {
            return Err((format!("`{name}` is given twice"), "keep one of the two".into()));
        }
        needs.push((kind, need));
    }
    Ok(needs)
}

fn unknown(name: &str, types: &Types) -> Wrong {
    let help = match types.nearest(name) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name a relation type".into(),
    };
    (format!("`{name}` is no relation type"), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_read_by_relation_type() {
        let types = Types::built_in();
        let kind = |name| types.kind(name).unwrap();
        let (power, runs) = (kind("powered_by"), kind("runs_on"));
        for (text, expected) in [
            ("powered_by: any", Ok(vec![(power, Need::AtLeast(1))])),
            (
                "powered_by:any,runs_on: 2",
                Ok(vec![(power, Need::AtLeast(1)), (runs, Need::AtLeast(2))]),
            ),
            ("runs_on: all,", Ok(vec![(runs, Need::All)])),
            ("", Ok(vec![])),
            ("any", Err("`any` is no need")),
            ("runs_on: 0", Err("`runs_on: 0` is no need")),
            ("runs_on: most", Err("`runs_on: most` is no need")),
            ("run_on: any", Err("`run_on` is no relation type")),
            ("powers: any", Err("`powers` leads from the cause, and a CI needs its causes")),
            ("runs_on: 1, runs_on: 2", Err("`runs_on` is given twice")),
        ] {
            let found = read(text, &types);
            let found = found.as_ref().map_err(|(message, _)| &**message);
            assert_eq!(found, expected.as_ref().map_err(|it| *it), "{text}");
        }
        assert_eq!(read("run_on: any", &types).unwrap_err().1, "did you mean `runs_on`?");
        assert_eq!(read("powers: any", &types).unwrap_err().1, "write `powered_by`");
    }
}
