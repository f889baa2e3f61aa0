//! The processor that a process computes on: gives what it is called, and the kind of it that decides which kernels compute
//! and so the last bits of a result; chooses nothing.

/// Variables that have libtorch, MKL and oneDNN compute as on another processor.
const AS_ANOTHER: &[&str] = &["ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA"];
/// How the names of those instructions begin that kernels are chosen by.
const OF_KERNELS: &[&str] = &["avx", "fma", "f16c", "amx"];

/// What the processor is called, and how many cores a process may use.
pub fn name() -> String {
    let text = cpuinfo();
    let name = field(&text, "model name").unwrap_or(std::env::consts::ARCH);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{name}, {cores} cores, {}", std::env::consts::OS)
}

/// The kind of the processor: maker, family, model, and the instructions that kernels are chosen by. Runs of one totc on
/// processors of equal kind agree in every bit. Empty where the system does not tell.
pub fn kind() -> String {
    let others = AS_ANOTHER.iter().filter_map(|name| Some((*name, std::env::var(name).ok()?)));
    kind_of(&cpuinfo(), others)
}

fn kind_of(text: &str, as_another: impl Iterator<Item = (&'static str, String)>) -> String {
    let parts = ["vendor_id", "cpu family", "model"].map(|name| field(text, name));
    let [Some(maker), Some(family), Some(model)] = parts else { return String::new() };
    let has = field(text, "flags").unwrap_or_default().split_whitespace();
    let has: Vec<&str> = has.filter(|flag| OF_KERNELS.iter().any(|start| flag.starts_with(start))).collect();
    let as_another: String = as_another.map(|(name, value)| format!(" {name}={value}")).collect();
    format!("{maker} {family}/{model} {}{as_another}", has.join(" "))
}

fn cpuinfo() -> String {
    std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default()
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: Some Xeon\n\
                        flags\t\t: fpu sse2 fma avx avx2 amx_tile\n";

    #[test]
    fn the_kind_says_what_kernels_are_chosen_by() {
        assert_eq!(kind_of(INFO, std::iter::empty()), "GenuineIntel 6/207 fma avx avx2 amx_tile");
        let other = [("ATEN_CPU_CAPABILITY", "avx2".to_owned())];
        assert!(kind_of(INFO, other.into_iter()).ends_with("amx_tile ATEN_CPU_CAPABILITY=avx2"));
        assert_eq!(kind_of("", std::iter::empty()), "");
    }
}
