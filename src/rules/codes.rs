//! The codes of all diagnostics of rule files, each with its meaning in one line, and in
//! `explanations/` what `incidentd explain-code` prints: a bad and a good example of each.
//!
//! A code is never given another meaning; one that is no longer used stays reserved.

use super::diagnostics::nearest;

/// A stable code with its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// As printed, `R0103`.
    pub id: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// What it means and how to mend it, at length, in Markdown.
    pub explanation: &'static str,
}

/// Returns a code by its name, in whatever case.
pub fn find(id: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.id.eq_ignore_ascii_case(id))
}

/// Returns the code whose name differs least from what was given, if it differs little.
pub fn like(id: &str) -> Option<&'static Code> {
    let id = id.to_uppercase();
    nearest(&id, ALL.iter().map(|code| code.id)).and_then(find)
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal $meaning:literal;)+) => {
        $(
            #[doc = $meaning]
            pub const $name: Code = Code {
                id: $id,
                meaning: $meaning,
                explanation: include_str!(concat!("explanations/", $id, ".md")),
            };
        )+
        /// All codes in their order.
        pub const ALL: &[Code] = &[$($name),+];
    };
}

codes! {
    SYNTAX = "R0001" "the file is no YAML, or exceeds a limit";
    REPEATED_KEY = "R0002" "a mapping has the same key twice";
    UNKNOWN_FIELD = "R0101" "a field is not known here";
    MISSING = "R0102" "a field that is needed is missing";
    MATCHER = "R0103" "a matcher cannot be read";
    REGEX = "R0104" "a regular expression cannot be read";
    KIND = "R0105" "a rule has no kind, or several";
    NEVER_TRUE = "R0106" "a matcher can never be true";
    VALUE = "R0107" "a value is not of the form, or not in the range, that its field needs";
    LINE = "R0109" "a line of a condition says nothing, too much, or what may not stand there";
    DUPLICATE = "R0201" "a name or a section is given twice";
    REFERENCE = "R0202" "a name refers to nothing";
    ORDER = "R0203" "`before` and `after` form a circle";
    UNDEFINED = "R0204" "a template uses a field that does not exist";
    TEMPLATE = "R0205" "a template cannot be read or rendered";
    UNKNOWN_RELATION = "R0206" "a relation is known neither to this version nor to the tests' CMDB";
    GO_TEMPLATE = "R0207" "a template is written in the syntax of Go";
    SHADOWED = "R0208" "a rule is never asked: another one takes all its alerts";
    CALENDARS = "R0211" "calendars include each other in a circle, or too many";
    CIRCLE = "R0212" "teams pass incidents on in a circle";
    ZONE = "R0213" "a time zone is not known";
    HANDOVER = "R0214" "a layer of a rotation does not start on the day of its hand-over";
    PATH = "R0215" "a path into JSON cannot be read";
    LOOKUP = "R0220" "the table of a lookup is not written out";
    RESERVED = "R0221" "a rule sets a label that is not its to set";
    NO_EFFECT = "R0222" "a field has no effect where it stands";
    INHIBIT_SOURCE = "R0225" "an `inhibit` has no source, or both `source` and `sources`";
    WINDOW = "R0227" "a `quiet` does not say once when it is, or on what";
    OPENS_NOTHING = "R0228" "a rule that opens no incidents says what they are like";
    STORM = "R0230" "a storm would end as soon as it begins";
    SEQUENCE = "R0231" "a sequence has too few steps, or too many";
    ABSENCE = "R0232" "an absence does not fit the alerts or the source that it expects";
    ACROSS_KINDS = "R0240" "`before` or `after` names a rule of another kind";
    WAYS = "R0260" "a binding key tries too many combinations of labels";
    ACCEPTANCE = "R0270" "a step of `acceptance` is due at once";
    AGREEMENT = "R0271" "an agreement does not say for which services it is";
    ROUTE = "R0272" "a route leads to no team";
    NO_PLAN = "R0280" "major incidents of a priority may have no response plan";
    NO_OWNER = "R0301" "a rule has no owner";
    NO_TEST = "R0302" "no test expects an incident of a rule";
    EXPIRES = "R0305" "a known error expires soon, or has expired";
    GAP = "R0307" "nobody is on call for a time";
    OVERLAP = "R0308" "a part of a rotation covers another one";
    UNUSED_POLICY = "R0309" "an escalation policy is used by no rule";
    FIXTURE = "T0101" "the CMDB of a test cannot be built";
    UNPLAYED = "T0102" "a step of a test is never played";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;
    use crate::rules::{Severity, SourceFile, load};

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    /// Returns the two examples of an explanation.
    fn examples(code: &Code) -> [SourceFile; 2] {
        let blocks = code.explanation.split("```yaml\n").skip(1);
        let blocks: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
        let [bad, good] = blocks[..] else { panic!("{}: {} examples", code.id, blocks.len()) };
        [("bad.yaml", bad), ("good.yaml", good)]
            .map(|(name, text)| SourceFile { name: name.into(), text: text.into() })
    }

    #[test]
    fn the_bad_example_of_each_code_has_that_fault_and_the_good_one_has_not() {
        for code in ALL {
            let [bad, good] = examples(code);
            let found = |file: &SourceFile| {
                let loaded = load(core::slice::from_ref(file));
                let now = Timestamp::from_millis(1_767_603_600_000);
                let timely = |set: crate::rules::RuleSet| {
                    let file = core::slice::from_ref(file);
                    [set.gaps(file, now), set.expiring(file, now)].concat()
                };
                let timely = loaded.set.map(timely);
                let mut found = loaded.diagnostics;
                found.extend(timely.into_iter().flatten());
                found
            };
            assert!(found(&bad).iter().any(|d| d.code == *code), "{}: {:#?}", code.id, found(&bad));
            let good = found(&good);
            assert!(good.iter().all(|d| d.code != *code), "{}: {good:#?}", code.id);
            assert!(good.iter().all(|d| d.severity == Severity::Warning), "{}: {good:#?}", code.id);
        }
    }

    #[test]
    fn a_code_is_found_in_any_case_and_a_misspelt_one_is_recognised() {
        for (given, found, near) in [
            ("R0103", Some("R0103"), None),
            ("r0103", Some("R0103"), None),
            ("r103", None, Some("R0103")),
            ("R0130", None, Some("R0103")),
            ("R301", None, Some("R0301")),
            ("matcher", None, None),
        ] {
            assert_eq!(find(given).map(|code| code.id), found, "{given}");
            if found.is_none() {
                assert_eq!(like(given).map(|code| code.id), near, "{given}");
            }
        }
    }

    #[test]
    fn the_reference_lists_every_code() {
        let reference = include_str!("../../rules/README.md");
        for Code { id, meaning, .. } in ALL {
            assert!(reference.contains(&format!("| {id} | {meaning} |")), "{id}");
        }
    }
}
