//! Whether a binary can run where it is going: read from its ELF headers before it is shipped, since
//! Lambda tells it only at the first request.

use std::io::{Read, Seek};

use ::elf::ElfStream;
use ::elf::abi::{EM_AARCH64, EM_X86_64};
use ::elf::endian::AnyEndian;

use crate::error::{Failure, Outcome};
use crate::spec::Architecture;

/// The glibc of Lambda's `provided.al2023`, major and minor.
const LAMBDA_GLIBC: (u32, u32) = (2, 34);

/// Checks architecture and, for Lambda, the newest glibc symbol version that the binary needs.
pub fn check(binary: impl Read + Seek, architecture: Architecture, for_lambda: bool) -> Outcome<()> {
    let unusable =
        |cause: String| Failure::new("handler_unusable", "the function's binary cannot run there").cause(cause);
    let mut file = ElfStream::<AnyEndian, _>::open_stream(binary).map_err(|error| {
        unusable(format!("it is no Linux executable ({error})"))
            .hint("Lambda runs Linux: build it on Linux, or install cargo-zigbuild")
    })?;
    let machine = match architecture {
        Architecture::Arm64 => EM_AARCH64,
        Architecture::X86_64 => EM_X86_64,
    };
    if file.ehdr.e_machine != machine {
        return Err(unusable(format!("it was not built for {}", architecture.name()))
            .hint("set `capacity.architecture` to what it was built for"));
    }
    let needed = needed_glibc(&mut file).map_err(|error| unusable(error.to_string()))?;
    match needed {
        Some(needed) if for_lambda && needed > LAMBDA_GLIBC => {
            let ((major, minor), (ours, at_most)) = (needed, LAMBDA_GLIBC);
            Err(unusable(format!("it needs glibc {major}.{minor}; Lambda has {ours}.{at_most}"))
                .hint("`pip install ziglang cargo-zigbuild` lets signupctl build for the older glibc"))
        }
        _ => Ok(()),
    }
}

/// The newest `GLIBC_x.y` among the versions that the dynamic symbols need; `None` when static.
fn needed_glibc<R: Read + Seek>(file: &mut ElfStream<AnyEndian, R>) -> Result<Option<(u32, u32)>, ::elf::ParseError> {
    let symbols = match file.dynamic_symbol_table()? {
        Some((symbols, _)) => symbols.len(),
        None => return Ok(None),
    };
    let Some(table) = file.symbol_version_table()? else { return Ok(None) };
    let mut newest = None;
    for index in 0..symbols {
        let Some(requirement) = table.get_requirement(index)? else { continue };
        newest = newest.max(glibc_version(requirement.name));
    }
    Ok(newest)
}

fn glibc_version(name: &str) -> Option<(u32, u32)> {
    let mut parts = name.strip_prefix("GLIBC_")?.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(glibc_version("GLIBC_2.34"), Some((2, 34)));
        assert_eq!(glibc_version("GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!(glibc_version("GLIBC_PRIVATE"), None);
        assert!(glibc_version("GLIBC_2.9") < glibc_version("GLIBC_2.34"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_very_binary_is_told_from_one_for_elsewhere() {
        let here = || std::fs::File::open(std::env::current_exe().expect("a path")).expect("readable");
        let (host, other) = match crate::bundle::host_architecture() {
            Architecture::Arm64 => (Architecture::Arm64, Architecture::X86_64),
            Architecture::X86_64 => (Architecture::X86_64, Architecture::Arm64),
        };
        check(here(), host, false).expect("it runs here");
        assert!(check(here(), other, false).is_err());
        let needed = needed_glibc(&mut ElfStream::open_stream(here()).expect("an ELF file")).expect("readable");
        assert!(needed.is_some_and(|needed| needed >= (2, 17)), "{needed:?}");
        assert!(check(std::io::Cursor::new(b"#!/bin/sh\n"), host, false).is_err());
    }
}
