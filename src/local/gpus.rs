//! Which GPUs of this machine a trial computes on: those that `CUDA_VISIBLE_DEVICES` tells it, and no others.

use std::collections::BTreeMap;

/// The GPUs that a run shares out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gpus {
    /// Their names for CUDA, such as `0` or `GPU-8932f937`.
    names: Vec<String>,
    /// GPUs that each trial has to itself; 0: each is told one, which others may be told too.
    per_trial: usize,
    /// Places in `names` that trials hold.
    held: BTreeMap<u32, Vec<usize>>,
}

impl Gpus {
    /// Those of a list with commas between, for trials that ask for so many. The error is a sentence.
    pub fn parse(list: &str, per_trial: u32) -> Result<Self, String> {
        let names: Vec<String> = list.split(',').map(|name| name.trim().to_owned()).collect();
        let is_name = |name: &String| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-/".contains(c))
        };
        if let Some(odd) = names.iter().find(|name| !is_name(name)) {
            return Err(format!(
                "--gpus: {odd:?} is no GPU: give numbers or UUIDs as nvidia-smi -L lists them, such as 0,1"
            ));
        }
        Self::new("--gpus", names, per_trial)
    }

    /// These, which somebody or something has; the error is a sentence about it.
    pub(super) fn new(source: &str, names: Vec<String>, per_trial: u32) -> Result<Self, String> {
        if let Some(twice) = names
            .iter()
            .enumerate()
            .find(|(i, name)| names[..*i].contains(name))
        {
            return Err(format!("{source}: {} is there twice", twice.1));
        }
        if per_trial as usize > names.len() {
            return Err(format!(
                "{source} has {} GPU(s), and spec.trial.resources asks for {per_trial} for each trial: ask for fewer, or name as many \
                 by --gpus",
                names.len()
            ));
        }
        Ok(Self {
            names,
            per_trial: per_trial as usize,
            held: BTreeMap::new(),
        })
    }

    /// What a trial is told; `None`: it has to wait for those that others hold. Of a run that shares nothing out, an empty text.
    pub(super) fn take(&mut self, trial: u32) -> Option<String> {
        if self.names.is_empty() {
            return Some(String::new());
        }
        let n_held = |place: &usize| self.held.values().flatten().filter(|held| *held == place).count();
        let mut places: Vec<usize> = (0..self.names.len()).collect();
        if self.per_trial > 0 {
            places.retain(|place| n_held(place) == 0);
        }
        places.sort_by_key(n_held);
        let n = self.per_trial.max(1);
        if places.len() < n {
            return None;
        }
        places.truncate(n);
        let told: Vec<&str> = places.iter().map(|place| self.names[*place].as_str()).collect();
        let told = told.join(",");
        self.held.insert(trial, places);
        Some(told)
    }

    /// The trial does not run any more.
    pub(super) fn give_back(&mut self, trial: u32) {
        self.held.remove(&trial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_that_asks_for_gpus_has_them_to_itself_or_waits() {
        let mut gpus = Gpus::parse("0,1, GPU-8932f937", 1).unwrap();
        let told: Vec<_> = (1..=4).map(|trial| gpus.take(trial)).collect();
        let expected = [Some("0"), Some("1"), Some("GPU-8932f937"), None].map(|name| name.map(str::to_owned));
        assert_eq!(told, expected);
        gpus.give_back(2);
        assert_eq!(gpus.take(4).as_deref(), Some("1"));
        let mut pairs = Gpus::parse("0,1,2", 2).unwrap();
        assert_eq!((pairs.take(1).as_deref(), pairs.take(2)), (Some("0,1"), None));
    }

    #[test]
    fn who_asks_for_none_shares_the_least_used() {
        let mut gpus = Gpus::parse("0,1", 0).unwrap();
        let told: Vec<_> = (1..=5).filter_map(|trial| gpus.take(trial)).collect();
        assert_eq!(told, ["0", "1", "0", "1", "0"]);
        gpus.give_back(2);
        gpus.give_back(4);
        assert_eq!(gpus.take(6).as_deref(), Some("1"));
        assert_eq!(
            Gpus::default().take(1).as_deref(),
            Some(""),
            "nothing is shared out"
        );
    }

    #[test]
    fn a_list_that_can_not_be_meant_is_refused_in_a_sentence() {
        let said = |list, n| Gpus::parse(list, n).unwrap_err();
        assert!(said("0,,1", 0).contains("\"\" is no GPU"));
        assert!(said("all of them", 0).contains("as nvidia-smi -L lists them"));
        assert!(said("0,1,0", 0).contains("0 is there twice"));
        assert!(said("0", 2).contains("asks for 2 for each trial"));
    }
}
