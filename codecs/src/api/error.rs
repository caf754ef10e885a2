//! What an answer says went wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A row of the error table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorSpec {
    /// Kind of fault, as in HTTP.
    pub code: u16,
    /// Number of the error.
    pub number: u16,
    /// Text; what stands in braces is replaced.
    pub text: &'static str,
}

impl ErrorSpec {
    /// The error, for a text without braces.
    #[must_use]
    pub fn error(self) -> ApiError {
        ApiError { code: self.code, err_code: self.number, description: self.text.to_owned() }
    }

    /// The error with its braces replaced by `values`, in order.
    #[must_use]
    pub fn with_all(self, values: &[&dyn fmt::Display]) -> ApiError {
        let mut description = String::with_capacity(self.text.len() + 32);
        let mut rest = self.text;
        let mut values = values.iter();
        while let (Some(start), Some(end)) = (rest.find('{'), rest.find('}')) {
            let Some(value) = values.next() else { break };
            description.push_str(&rest[..start]);
            description.push_str(&value.to_string());
            rest = &rest[end + 1..];
        }
        description.push_str(rest);
        ApiError { code: self.code, err_code: self.number, description }
    }

    /// The error with its one pair of braces replaced.
    #[must_use]
    pub fn with(self, value: impl fmt::Display) -> ApiError {
        self.with_all(&[&value])
    }
}

/// An error in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{description} ({err_code})")]
pub struct ApiError {
    /// Kind of fault, as in HTTP.
    pub code: u16,
    /// Number of the error.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    pub err_code: u16,
    /// Text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

impl ApiError {
    /// Whether this is the error of a row of the table.
    #[must_use]
    pub fn is(&self, spec: ErrorSpec) -> bool {
        self.err_code == spec.number
    }
}

impl From<ErrorSpec> for ApiError {
    fn from(spec: ErrorSpec) -> Self {
        spec.error()
    }
}

#[cfg(test)]
mod tests {
    use super::super::errors;

    #[test]
    fn braces_are_replaced() {
        assert_eq!(errors::SEQUENCE_NOT_FOUND.with(7).description, "sequence 7 not found");
        let both = errors::STREAM_EXTERNAL_API_OVERLAP.with_all(&[&"a", &"b"]);
        assert_eq!(both.description, "stream external api prefix a must not overlap with b");
        assert_eq!(errors::STREAM_NOT_FOUND.error().description, "stream not found");
        assert_eq!(errors::RAFT_GENERAL.with("{x}").description, "{x}");
    }
}
