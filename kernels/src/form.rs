//! The instructions that kernels are compiled for.

/// The same kernels for the instructions of a processor, from the most general to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// What every processor of the architecture has.
    Portable,
    /// 256 bits with fused multiply-add (x86-64-v3).
    Avx2,
    /// 512 bits (x86-64-v4).
    Avx512,
}

impl Form {
    /// Those that this processor can run, the widest last.
    pub fn available() -> Vec<Form> {
        let mut forms = vec![Form::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
            if avx2 {
                forms.push(Form::Avx2);
            }
            let wide = ["avx512f", "avx512vl", "avx512bw", "avx512dq"];
            let has = |name: &str| match name {
                "avx512f" => std::is_x86_feature_detected!("avx512f"),
                "avx512vl" => std::is_x86_feature_detected!("avx512vl"),
                "avx512bw" => std::is_x86_feature_detected!("avx512bw"),
                _ => std::is_x86_feature_detected!("avx512dq"),
            };
            if avx2 && wide.iter().all(|name| has(name)) {
                forms.push(Form::Avx512);
            }
        }
        forms
    }

    /// The widest that this processor can run.
    pub fn best() -> Form {
        static BEST: std::sync::OnceLock<Form> = std::sync::OnceLock::new();
        *BEST.get_or_init(|| Form::available().into_iter().max().unwrap_or(Form::Portable))
    }
}
