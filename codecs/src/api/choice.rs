//! Enumerations whose values are words in JSON.

/// Defines an enumeration with the words of its values, of which the first is the default, and the error for others.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident, $unknown:literal { $($(#[$value_doc:meta])* $value:ident = $word:literal $(| $alias:literal)*,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$value_doc])* $value,)*
        }

        impl $name {
            /// The word in JSON.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)*
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = serde_json::Value::deserialize(deserializer)?;
                match value.as_str() {
                    $(Some($word $(| $alias)*) => Ok(Self::$value),)*
                    _ => Err(serde::de::Error::custom($crate::api::choice::unknown($unknown, &value))),
                }
            }
        }
    };
}

pub(crate) use choice;

/// Error text for a value that is none of the words; `%q` in `form` is the JSON quoted once more, `%v` is the JSON.
pub(crate) fn unknown(form: &str, value: &serde_json::Value) -> String {
    let json = value.to_string();
    form.replace("%q", &crate::quote::quote(json.as_bytes())).replace("%v", &json)
}
