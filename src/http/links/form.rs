//! What a form of ours posts: names and values as browsers encode them (WHATWG URL, 5).

use std::collections::BTreeMap;

use super::super::error::Problem;

/// Bytes of a posted form, encoded: the longest field three times over, for characters that take
/// three each.
pub(super) const BYTES_MAX: usize = 32 << 10;

/// Fields of a form; more are none of ours.
const FIELDS_MAX: usize = 32;

/// The fields of a posted form.
#[derive(Debug, Default)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 for what no browser sends.
    pub(super) fn read(body: &[u8]) -> Result<Self, Problem> {
        let refuse = || Problem::bad_request("the form cannot be read; load the page again");
        let mut fields = BTreeMap::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').ok_or_else(refuse)?;
            let (name, value) = pair.split_at(at);
            let name = decoded(name).ok_or_else(refuse)?;
            let value = value.get(1..).and_then(decoded).ok_or_else(refuse)?;
            // Text areas send CR LF; the record keeps lines as everybody else writes them.
            fields.insert(name, value.replace("\r\n", "\n"));
            if fields.len() > FIELDS_MAX {
                return Err(refuse());
            }
        }
        Ok(Self(fields))
    }

    /// Returns what stands in a field, without space around it; empty where it was not sent.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }
}

fn decoded(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
                u8::try_from(value).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let body = "solution=new+disk%0D%0Aand+caf%C3%A9&code=fixed&empty=&x=a%26b%3Dc";
        let form = Form::read(body.as_bytes()).unwrap();
        for (name, value) in [
            ("solution", "new disk\nand café"),
            ("code", "fixed"),
            ("empty", ""),
            ("x", "a&b=c"),
            ("other", ""),
        ] {
            assert_eq!(form.get(name), value, "{name}");
        }
        assert_eq!(Form::read(b"").unwrap().get("x"), "");
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        let many = (0..40).fold(String::new(), |all, n| format!("{all}f{n}=x&"));
        for body in ["x", "x=%", "x=%4", "x=%zz", "x=%ff", &many] {
            assert!(Form::read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
