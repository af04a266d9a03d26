//! The codes of all diagnostics of rule files, each with its meaning in one line.
//!
//! A code is never given another meaning; one that is no longer used stays reserved.

/// A stable code with its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// As printed, `R0103`.
    pub id: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal $meaning:literal;)+) => {
        $(
            #[doc = $meaning]
            pub const $name: Code = Code { id: $id, meaning: $meaning };
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
    KIND = "R0105" "a rule has no kind, several, or one that is not known to this version";
    VALUE = "R0107" "a value is not of the form, or not in the range, that its field needs";
    DUPLICATE = "R0201" "a name or a section is given twice";
    REFERENCE = "R0202" "a name refers to nothing";
    ORDER = "R0203" "`before` and `after` form a circle";
    UNDEFINED = "R0204" "a template uses a field that does not exist";
    TEMPLATE = "R0205" "a template cannot be read or rendered";
    UNKNOWN_RELATION = "R0206" "a relation is known neither to this version nor to the tests' CMDB";
    GO_TEMPLATE = "R0207" "a template is written in the syntax of Go";
    CALENDARS = "R0211" "calendars include each other in a circle, or too many";
    CIRCLE = "R0212" "teams pass incidents on in a circle";
    ZONE = "R0213" "a time zone is not known";
    HANDOVER = "R0214" "a layer of a rotation does not start on the day of its hand-over";
    PATH = "R0215" "a path into JSON cannot be read";
    LOOKUP = "R0220" "the table of a lookup is not written out";
    RESERVED = "R0221" "a rule sets a label that is not its to set";
    NO_EFFECT = "R0222" "a field has no effect where it stands";
    NO_OWNER = "R0301" "a rule has no owner";
    NO_TEST = "R0302" "no test expects an incident of a rule";
    EXPIRES = "R0305" "a known error expires soon, or has expired";
    GAP = "R0307" "nobody is on call for a time";
    OVERLAP = "R0308" "a part of a rotation covers another one";
    UNUSED_POLICY = "R0309" "an escalation policy is used by no rule";
    FIXTURE = "T0101" "the CMDB of a test cannot be built";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn the_reference_lists_every_code() {
        let reference = include_str!("../../rules/README.md");
        for Code { id, meaning } in ALL {
            assert!(reference.contains(&format!("| {id} | {meaning} |")), "{id}");
        }
    }
}
