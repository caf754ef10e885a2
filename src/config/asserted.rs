//! The server version that an operator asks for.

use troupe_codecs::jwt::{Claims, OperatorClaims};

/// What is wrong with the version of this server, or with what the operator says of it, in nats-server's words.
pub(super) fn fault(operator: &Claims<OperatorClaims>, version: &str) -> Option<String> {
    let (asked, name) = (&operator.nats.assert_server_version, &operator.sub);
    let wanted = match parse(asked) {
        Ok(wanted) => wanted,
        Err(cause) => return Some(format!("operator {name} expects version {asked} got error instead: {cause}")),
    };
    let own = parse(version).unwrap_or_default();
    let names = ["major", "minor", "update"];
    let (part, (wanted, own)) =
        names.into_iter().zip(wanted.into_iter().zip(own)).find(|(_, (wanted, own))| wanted != own)?;
    (wanted > own).then(|| format!("operator {name} expected {part} version {wanted} > server {part} version {own}"))
}

/// `major.minor.update`; nothing is the oldest.
fn parse(text: &str) -> Result<[i64; 3], String> {
    if text.is_empty() {
        return Ok([0; 3]);
    }
    let parts: Vec<&str> = text.split('.').collect();
    let [major, minor, update] = parts[..] else {
        return Err("asserted server version must be of the form <major>.<minor>.<update>".to_owned());
    };
    let number =
        |part: &str| part.parse::<i64>().map_err(|_| format!("asserted server version cant parse {part} to int"));
    let numbers = [number(major)?, number(minor)?, number(update)?];
    if numbers.iter().any(|number| *number < 0) {
        return Err(format!("asserted server version can'b contain negative values: {text}"));
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_that_differs_decides() {
        let told = |asked: &str| {
            let nats = OperatorClaims { assert_server_version: asked.to_owned(), ..OperatorClaims::default() };
            fault(&Claims { sub: "O".to_owned(), nats, ..Claims::default() }, "2.15.1")
        };
        for fine in ["", "2.15.1", "1.99.99", "2.14.9", "2.15.0"] {
            assert_eq!(told(fine), None, "{fine}");
        }
        assert_eq!(told("10.20.30").unwrap(), "operator O expected major version 10 > server major version 2");
        assert_eq!(told("2.16.0").unwrap(), "operator O expected minor version 16 > server minor version 15");
        assert_eq!(told("2.15.2").unwrap(), "operator O expected update version 2 > server update version 1");
        assert!(told("2.15").unwrap().ends_with("must be of the form <major>.<minor>.<update>"));
        assert!(told("2.x.1").unwrap().ends_with("cant parse x to int"));
    }
}
