//! Files whose code is in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;

use framehop::{
    CacheNative, ExplicitModuleSectionInfo, MayAllocateDuringUnwind, Module, UnwindRegsNative, Unwinder as _,
    UnwinderNative,
};
use object::{Object, ObjectSection, ObjectSegment, ReadCache};

use super::sampler::Moment;
use super::symbols::Symbols;

const OWN_FILE: &str = "/proc/self/exe";
/// Places of a stack that are kept.
const MAX_DEPTH: usize = 256;
const PAGE: u64 = 4096;

/// A file whose code is in memory.
#[derive(Debug, PartialEq, Eq)]
struct Image {
    /// As the system names it.
    name: String,
    /// Where it can be read.
    file: PathBuf,
    start: u64,
    end: u64,
}

/// All files whose code is in memory.
#[derive(Debug)]
pub(super) struct Images(Vec<Image>);

impl Images {
    /// Looks at what this process has in memory.
    pub(super) fn of_this_process() -> io::Result<Self> {
        let own = std::fs::read_link(OWN_FILE)?.to_string_lossy().into_owned();
        Ok(Self(parse(&std::fs::read_to_string("/proc/self/maps")?, &own)))
    }

    /// First address, address behind, path.
    pub(super) fn list(&self) -> Vec<(u64, u64, String)> {
        self.0.iter().map(|image| (image.start, image.end, image.name.clone())).collect()
    }

    /// What finds the way through stacks. Files that cannot be read are left out.
    pub(super) fn unwinder(&self) -> Unwinder {
        let mut rules = UnwinderNative::new();
        self.0.iter().filter_map(|image| image.module().ok()).for_each(|module| rules.add_module(module));
        Unwinder { rules, cache: CacheNative::new_in() }
    }

    /// Names of the functions at addresses; of those without one, the file.
    pub(super) fn names(&self, addresses: impl Iterator<Item = u64>) -> HashMap<u64, String> {
        let addresses: BTreeSet<u64> = addresses.collect();
        let mut names = HashMap::new();
        for image in &self.0 {
            let wanted: Vec<u64> = addresses.range(image.start..image.end).copied().collect();
            if wanted.is_empty() {
                continue;
            }
            let file = image.name.rsplit('/').next().unwrap_or_default();
            names.extend(wanted.iter().map(|address| (*address, format!("[{file}]"))));
            // What cannot be read has no better names.
            let _ = image.read(|file| {
                let symbols = Symbols::of(file, image.bias(file));
                names.extend(wanted.iter().filter_map(|address| Some((*address, symbols.name(*address)?))));
            });
        }
        for address in addresses {
            names.entry(address).or_insert_with(|| "[unknown]".to_owned());
        }
        names
    }
}

impl Image {
    /// Looks into the file.
    fn read<T>(&self, look: impl FnOnce(&object::File<'_, &ReadCache<std::fs::File>>) -> T) -> io::Result<T> {
        let bytes = ReadCache::new(std::fs::File::open(&self.file)?);
        Ok(look(&object::File::parse(&bytes).map_err(io::Error::other)?))
    }

    /// What is added to an address in the file to have one in memory.
    fn bias<'a>(&self, file: &impl Object<'a>) -> u64 {
        let first = file.segments().map(|segment| segment.address()).min().unwrap_or_default();
        self.start.wrapping_sub(first & !(PAGE - 1))
    }

    fn module(&self) -> io::Result<Module<Vec<u8>>> {
        let (bias, sections) = self.read(|file| {
            let range = |name: &str| {
                file.section_by_name(name).map(|section| section.address()..section.address() + section.size())
            };
            let data = |name: &str| file.section_by_name(name)?.data().ok().map(<[u8]>::to_vec);
            let sections = ExplicitModuleSectionInfo {
                text_svma: range(".text"),
                got_svma: range(".got"),
                eh_frame_svma: range(".eh_frame"),
                eh_frame: data(".eh_frame"),
                eh_frame_hdr_svma: range(".eh_frame_hdr"),
                eh_frame_hdr: data(".eh_frame_hdr"),
                ..ExplicitModuleSectionInfo::default()
            };
            (self.bias(file), sections)
        })?;
        Ok(Module::new(self.name.clone(), self.start..self.end, bias, sections))
    }
}

/// Files with code among the lines `start-end rights offset device inode path`.
fn parse(maps: &str, own: &str) -> Vec<Image> {
    let mut images: BTreeMap<&str, (u64, u64, bool)> = BTreeMap::new();
    for line in maps.lines() {
        let mut words = line.splitn(6, ' ');
        let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
        let Some((start, end)) = range.split_once('-') else { continue };
        let (Ok(start), Ok(end)) = (u64::from_str_radix(start, 16), u64::from_str_radix(end, 16)) else { continue };
        let path = words.nth(3).unwrap_or_default().trim_start();
        if path.starts_with('/') {
            let known = images.entry(path).or_insert((start, end, false));
            *known = (known.0.min(start), known.1.max(end), known.2 || rights.contains('x'));
        }
    }
    let with_code = images.into_iter().filter(|(_, (_, _, has_code))| *has_code);
    with_code
        .map(|(path, (start, end, _))| Image {
            name: path.to_owned(),
            // The file may be another one by now, or gone.
            file: PathBuf::from(if path == own { OWN_FILE } else { path }),
            start,
            end,
        })
        .collect()
}

/// Finds the way through stacks.
pub(super) struct Unwinder {
    rules: UnwinderNative<Vec<u8>, MayAllocateDuringUnwind>,
    cache: CacheNative<MayAllocateDuringUnwind>,
}

impl Unwinder {
    /// Where the thread was, and where each function had been called, from the innermost.
    pub(super) fn addresses(&mut self, moment: &Moment<'_>) -> Vec<u64> {
        #[cfg(target_arch = "x86_64")]
        let (instruction, stack, registers) = {
            let [frame, stack, instruction] = moment.registers;
            (instruction, stack, UnwindRegsNative::new(instruction, stack, frame))
        };
        #[cfg(target_arch = "aarch64")]
        let (instruction, stack, registers) = {
            let [frame, link, stack, instruction] = moment.registers;
            (instruction, stack, UnwindRegsNative::new(link, stack, frame))
        };
        let mut read = |address: u64| {
            let at = usize::try_from(address.wrapping_sub(stack)).map_err(|_| ())?;
            let bytes = moment.stack.get(at..at.saturating_add(8)).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u64::from_ne_bytes).ok_or(())
        };
        let mut frames = self.rules.iter_frames(instruction, registers, &mut self.cache, &mut read);
        let mut addresses = Vec::new();
        while addresses.len() < MAX_DEPTH
            && let Ok(Some(frame)) = frames.next()
        {
            addresses.push(frame.address_for_lookup());
        }
        addresses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_with_code() {
        let maps = "1000-2000 r--p 00000000 fe:00 7                          /a/own (deleted)\n\
                    2000-4000 r-xp 00001000 fe:00 7                          /a/own (deleted)\n\
                    5000-6000 rw-p 00000000 00:00 0                          [heap]\n\
                    6000-7000 r-xp 00000000 fe:00 8                          /lib/with space.so\n\
                    7000-8000 r--p 00000000 fe:00 9                          /data\n\
                    nonsense\n\
                    8000-9000 rw-p 00000000 00:00 0\n";
        let images = parse(maps, "/a/own (deleted)");
        let found: Vec<_> = images.iter().map(|image| (image.file.to_str(), image.start, image.end)).collect();
        assert_eq!(found, [(Some(OWN_FILE), 0x1000, 0x4000), (Some("/lib/with space.so"), 0x6000, 0x7000)]);
    }
}
