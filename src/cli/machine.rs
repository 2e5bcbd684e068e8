//! What the program found out about this machine, and what follows for a run

use std::fmt::Write;

use anyhow::Result;
use chainrule::config::{Dtype, EngineChoice};
use chainrule::train::thread_count::cores;
use chainrule_kernels::{SimdLevel, has_bf16, simd_level};
use serde_json::{Value, json};

/// What `chainrule info` shows without an argument
pub struct Machine {
    version: &'static str,
    target: String,
    cpu: Option<String>,
    /// Cores that this process may use
    cores: usize,
    /// Cores of the machine; `None` where the system does not say
    all_cores: Option<usize>,
    simd: SimdLevel,
    has_bf16: bool,
    /// The value of `CHAINRULE_SIMD`
    limit: Option<String>,
}

impl Machine {
    pub fn here() -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |line: &str| {
            Some(line.strip_prefix("model name")?.trim_start().strip_prefix(':')?.trim().to_owned())
        };
        let all_cores = info.lines().filter(|line| line.starts_with("processor")).count();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            cpu: info.lines().find_map(field).or_else(|| std::env::var("PROCESSOR_IDENTIFIER").ok()),
            cores: cores(),
            all_cores: (all_cores > 0).then_some(all_cores),
            simd: simd_level(),
            has_bf16: has_bf16(),
            limit: std::env::var("CHAINRULE_SIMD").ok(),
        }
    }

    /// The level of instructions, as `CHAINRULE_SIMD` names it
    fn simd(&self) -> &'static str {
        match self.simd {
            SimdLevel::Portable => "portable",
            SimdLevel::Avx2 => "avx2",
            SimdLevel::Avx512 => "avx512",
        }
    }

    fn instructions(&self) -> &'static str {
        match self.simd {
            SimdLevel::Portable => "those of every processor of its kind",
            SimdLevel::Avx2 => "AVX2, FMA, BMI1, POPCNT",
            SimdLevel::Avx512 => "AVX-512 (F, BW, DQ, VL), AVX2, FMA, BMI1, POPCNT",
        }
    }

    /// How products of `--dtype bf16` are computed
    fn bf16(&self) -> &'static str {
        match (self.has_bf16, self.simd) {
            (true, _) => "by AVX512-BF16: faster than f32",
            (false, SimdLevel::Avx512) => "emulated with AVX2, since AVX512-BF16 is missing: slower than f32",
            (false, _) => "emulated, since AVX-512 is missing or ruled out: slower than f32",
        }
    }

    /// The backend of `--engine auto`, and why
    fn engine(&self) -> Result<(String, String)> {
        let name = format!("{:?}", EngineChoice::Auto.backend(Dtype::F32)?).to_lowercase();
        let why = match (self.simd, self.limit.as_deref()) {
            (SimdLevel::Portable, Some("portable")) => {
                "CHAINRULE_SIMD=portable rules out the kernels of `fused`"
            }
            (SimdLevel::Portable, _) => {
                "`fused` needs AVX2, FMA, BMI1 and POPCNT, which this processor lacks"
            }
            _ => "the processor has AVX2, FMA, BMI1 and POPCNT",
        };
        Ok((name, why.to_owned()))
    }

    pub fn text(&self) -> Result<String> {
        let (engine, why) = self.engine()?;
        let mut text = format!("chainrule   {} for {}\n", self.version, self.target);
        writeln!(text, "processor   {}", self.cpu.as_deref().unwrap_or("unknown"))?;
        let of = match self.all_cores {
            Some(all) if all != self.cores => {
                format!("; the machine has {all}, limits leave this process {}", self.cores)
            }
            _ => String::new(),
        };
        writeln!(text, "cores       {}{of}", self.cores)?;
        let limit = self.limit.as_ref().map_or(String::new(), |limit| format!("; CHAINRULE_SIMD={limit}"));
        writeln!(text, "vectors     {}: {}{limit}", self.simd(), self.instructions())?;
        writeln!(text, "bf16        {}", self.bf16())?;
        writeln!(text, "engine      {engine}: {why}")?;
        Ok(text)
    }

    pub fn json(&self) -> Result<Value> {
        let (engine, why) = self.engine()?;
        Ok(json!({
            "version": self.version, "target": self.target, "cpu": self.cpu, "cores": self.cores,
            "machine_cores": self.all_cores, "simd": self.simd(), "instructions": self.instructions(),
            "engine": engine, "engine_reason": why, "bf16": self.has_bf16,
        }))
    }
}
