//! Says whether a text is a URI to Alertmanager.
//!
//! The measure is Go's `url.ParseRequestURI`, which strfmt uses for the format `uri`: an absolute
//! URI or an absolute path. It lets more pass than RFC 3986 does (a space in a path, any query), and
//! an alert that Alertmanager takes must not be lost here.

/// True when `url.ParseRequestURI` would take the text.
pub(super) fn is_request_uri(text: &str) -> bool {
    if text.is_empty() || text.bytes().any(|byte| byte < 0x20 || byte == 0x7F) {
        return false;
    }
    if text == "*" {
        return true;
    }
    let Some((scheme, rest)) = split_scheme(text) else { return false };
    let before_query = rest.split_once('?').map_or(rest, |(before, _)| before);
    if !before_query.starts_with('/') {
        // With a scheme the rest is opaque, as in `mailto:ops@example.org`.
        return !scheme.is_empty();
    }
    let path = match before_query.strip_prefix("//") {
        Some(after) if !scheme.is_empty() => {
            let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
            if !is_authority(authority) {
                return false;
            }
            path
        }
        _ => before_query,
    };
    has_whole_escapes(path)
}

/// Splits off the scheme; it is empty when there is none. `None` when only its name is missing.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if i > 0 => {}
            b':' if i == 0 => return None,
            b':' => return text.split_once(':'),
            _ => break,
        }
    }
    Some(("", text))
}

fn is_authority(authority: &str) -> bool {
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let user_ok =
        user.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b));
    user_ok && has_whole_escapes(user) && is_host(host)
}

fn is_host(host: &str) -> bool {
    let (name, port) = if host.starts_with('[') {
        let Some((name, port)) = host.rsplit_once(']') else { return false };
        (name, port)
    } else {
        host.split_at(host.rfind(':').unwrap_or(host.len()))
    };
    let port_ok = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    // `shouldEscape` of net/url in mode encodeHost.
    let plain = |b: u8| {
        !b.is_ascii() || b.is_ascii_alphanumeric() || b"!$&'()*+,;=:[]<>\"-_.~%".contains(&b)
    };
    port_ok && name.bytes().all(plain) && has_whole_escapes(name)
}

/// True when two hexadecimal digits follow each percent sign.
fn has_whole_escapes(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let escape = after.first_chunk::<2>();
        if *first == b'%' && !escape.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_texts_pass_as_in_go() {
        for (text, passes) in [
            ("http://prometheus:9090/graph?g0.expr=up%20%3D%3D%200&g0.tab=1", true),
            ("https://user:pa%20ss@[::1]:9090/a b/c", true),
            ("http://bücher.example/", true),
            ("http://", true),
            ("/graph", true),
            ("*", true),
            ("mailto:ops@example.org", true),
            ("prometheus:9090", true),
            ("http://host/?q=%zz", true),
            ("//host/path", true),
            ("", false),
            ("graph", false),
            ("localhost/graph", false),
            ("://host", false),
            (":9090/graph", false),
            ("1http://host/", false),
            ("http://host:port/", false),
            ("http://ho st/", false),
            ("http://host/%zz", false),
            ("http://host/%4", false),
            ("http://[::1/", false),
            ("http://us^er@host/", false),
            ("http://host/\n", false),
            ("not a uri", false),
        ] {
            assert_eq!(is_request_uri(text), passes, "{text}");
        }
    }
}
