//! Why a whole body was refused.

/// Nothing of a body was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// It has too many bytes.
    #[error(
        "body is {len} bytes long, must be at most {limit}; split it or raise limits.body_bytes"
    )]
    TooLarge {
        /// Its length.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// It has no bytes.
    #[error("body is empty, expected JSON")]
    Empty,
    /// It is no text.
    #[error("body is not UTF-8 at byte {offset}, expected JSON in UTF-8")]
    NotUtf8 {
        /// Where the first bad byte is.
        offset: usize,
    },
    /// It is no JSON, or a value is of another type than the format needs.
    #[error("body cannot be read: {reason}")]
    Json {
        /// What was found where, and what was expected.
        reason: String,
    },
    /// Its objects and lists are nested too deep.
    #[error("body is nested more than {limit} levels deep; flatten it or raise limits.depth")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// It has too many alerts.
    #[error("body holds more than {limit} alerts; split it or raise limits.alerts")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// It is JSON but not what the format says.
    #[error("{message}")]
    Schema {
        /// An HTTP status, or a code of go-openapi above 599, all of which mean status 422.
        code: u16,
        /// The field, what was found, what was expected.
        message: String,
    },
}

impl Reject {
    /// Returns the HTTP status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge { .. } | Self::TooMany { .. } => 413,
            Self::NotUtf8 { .. } | Self::Json { .. } | Self::TooDeep { .. } => 400,
            Self::Empty => 422,
            // `asHTTPCode` of go-openapi/errors.
            Self::Schema { code, .. } => {
                if *code < 600 {
                    *code
                } else {
                    422
                }
            }
        }
    }

    /// Returns the body with which Alertmanager's web framework answers: `{"code":…,"message":…}`.
    pub fn framework_body(&self) -> String {
        let (code, message) = match self {
            Self::Empty => (602, "alerts in body is required".to_owned()),
            Self::Json { reason } => {
                (400, format!("parsing alerts body from \"\" failed, because {reason}"))
            }
            Self::Schema { code, message } => (*code, message.clone()),
            Self::TooLarge { .. }
            | Self::NotUtf8 { .. }
            | Self::TooDeep { .. }
            | Self::TooMany { .. } => (self.status(), self.to_string()),
        };
        serde_json::json!({ "code": code, "message": message }).to_string()
    }
}
