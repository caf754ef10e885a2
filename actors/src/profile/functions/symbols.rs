//! Names of functions.

use object::{Object, ObjectSymbol, SymbolKind};

/// Functions of a file by where they are in memory.
#[derive(Debug, Default)]
pub(super) struct Symbols<'a> {
    /// Address, size, name; in order of address.
    functions: Vec<(u64, u64, &'a str)>,
}

impl<'a> Symbols<'a> {
    /// Functions of a file that is in memory at `bias`: all of them, or those that others may use where it tells no more.
    pub(super) fn of(file: &impl Object<'a>, bias: u64) -> Self {
        let mut functions: Vec<_> = file.symbols().filter_map(|symbol| function(&symbol, bias)).collect();
        if functions.is_empty() {
            functions = file.dynamic_symbols().filter_map(|symbol| function(&symbol, bias)).collect();
        }
        functions.sort_unstable_by_key(|(address, ..)| *address);
        Self { functions }
    }

    /// Name of the function at an address, as people write it.
    pub(super) fn name(&self, address: u64) -> Option<String> {
        let behind = self.functions.partition_point(|(start, ..)| *start <= address);
        let (start, size, name) = self.functions.get(behind.checked_sub(1)?)?;
        // What is written by hand has no size.
        let is_in_it = *size == 0 || address - start < *size;
        is_in_it.then(|| format!("{:#}", rustc_demangle::demangle(name)))
    }
}

fn function<'a>(symbol: &impl ObjectSymbol<'a>, bias: u64) -> Option<(u64, u64, &'a str)> {
    let is_function = symbol.kind() == SymbolKind::Text && symbol.is_definition();
    is_function.then_some(())?;
    Some((symbol.address().wrapping_add(bias), symbol.size(), symbol.name().ok()?))
}
