//! The trial contract: how a program learns its parameters and what it leaves at its end, wherever it runs.
//!
//! The same on one machine and on a cluster: as `$(params.NAME)` in arguments and environment, as `TUNING_PARAM_NAME`, and as
//! one JSON object.
#![deny(clippy::disallowed_methods)]

use crate::api::{self, Assignment, BertSpec, SagemakerSpec, SaveModel};
use crate::metrics::TrialReport;
use crate::optimizer::Goal;
use crate::tuning::{COLLAPSED, CurvePoint, FinalReport, Job, Trial};
use std::collections::BTreeMap;

/// The variables of a program's environment that say what this trial is, beside one `TUNING_PARAM_NAME` for each parameter.
pub mod variables {
    /// Its name.
    pub const TRIAL: &str = "TUNING_TRIAL";
    /// Name of the job that it belongs to.
    pub const JOB: &str = "TUNING_JOB";
    /// The file with its parameters as one JSON object.
    pub const PARAMETERS_FILE: &str = "TUNING_PARAMETERS_FILE";
    /// The folder whose content a later attempt finds again.
    pub const CHECKPOINT_DIR: &str = "TUNING_CHECKPOINT_DIR";
    /// The folder for the built-in fine-tuner's model, where it is not below the next one.
    pub const MODEL_DIR: &str = "TUNING_MODEL_DIR";
    /// The folder for whatever it leaves, its report among it.
    pub const OUTPUT_DIR: &str = "TUNING_OUTPUT_DIR";
    /// The port on which its metrics are asked for, if they are.
    pub const METRICS_PORT: &str = "TUNING_METRICS_PORT";
    /// How many trials were at the same point before: a program adds it to its seed.
    pub const REPLICATE: &str = "TUNING_REPLICATE";
    /// Processors that it may count on.
    pub const THREADS: &str = "TUNING_THREADS";
    /// On a cluster, where nothing is asked for them: the processors that the node gives to pods.
    pub const NODE_CPUS: &str = "TUNING_NODE_CPUS";
    /// Among how many trials at once these are shared out.
    pub const PARALLEL_TRIALS: &str = "TUNING_PARALLEL_TRIALS";
    /// On a cluster: the file for its last words, its report among them.
    pub const TERMINATION_MESSAGE: &str = "TUNING_TERMINATION_MESSAGE";
}

/// The values that one trial is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    values: Assignment,
    texts: BTreeMap<String, String>,
    replicate: u32,
    job: String,
    metric: String,
    goal: &'static str,
    bar: Option<f64>,
}

impl Parameters {
    /// The trial's point and, under `resource_name`, what it may spend.
    pub fn of(job: &Job, trial: &Trial, resource_name: Option<&str>) -> Self {
        let mut values = api::assignment(&job.space, &trial.point);
        let assigned = job.space.assignment(&trial.point);
        let mut texts: BTreeMap<String, String> = assigned
            .map(|(name, value)| (name.to_owned(), value.to_string()))
            .collect();
        if let (Some(name), Some(resource)) = (resource_name, trial.resource) {
            values.insert(name.to_owned(), resource.into());
            texts.insert(name.to_owned(), resource.to_string());
        }
        let goal = match job.objective.goal {
            Goal::Maximize => "maximize",
            Goal::Minimize => "minimize",
        };
        Self {
            values,
            texts,
            replicate: trial.why.replicate,
            job: job.name.clone(),
            metric: job.objective.metric.clone(),
            goal,
            bar: None,
        }
    }

    /// The parameters as one JSON object, the content of `$TUNING_PARAMETERS_FILE`.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(&self.values).unwrap_or_default()
    }

    /// A variable `TUNING_PARAM_NAME` for each parameter, which replicate it is, and the job's name.
    pub fn env(&self) -> impl Iterator<Item = (String, String)> {
        let named = |(name, text): (&String, &String)| {
            (format!("TUNING_PARAM_{}", name.to_uppercase()), text.clone())
        };
        let replicate = (variables::REPLICATE.to_owned(), self.replicate.to_string());
        let job = (variables::JOB.to_owned(), self.job.clone());
        self.texts.iter().map(named).chain([replicate, job])
    }

    /// The same for a fine-tuner whose model has to beat this value to be kept.
    pub fn with_bar(mut self, bar: Option<f64>) -> Self {
        self.bar = bar;
        self
    }

    /// The arguments of the built-in fine-tuner; `path` says where a folder of the manifest is for the trial. A replicate has
    /// a seed of its own.
    pub fn bert_arguments(&self, bert: &BertSpec, path: impl Fn(&str) -> String) -> Vec<String> {
        let seed = bert.seed.wrapping_add(self.replicate);
        let mut arguments = bert_arguments(&BertSpec { seed, ..bert.clone() }, path);
        let objective = ["--objective", &self.metric, "--goal", self.goal];
        arguments.extend(objective.map(str::to_owned));
        let bar = self.bar.filter(|_| bert.save_model != SaveModel::None);
        arguments.extend(bar.map(|bar| format!("--model-above={bar}")));
        arguments
    }

    /// Replaces each `$(params.NAME)`; other text, `$(…)` of a shell among it, stays as it is.
    pub fn fill(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("$(params.") {
            out.push_str(before);
            match after
                .split_once(')')
                .and_then(|(name, tail)| Some((self.texts.get(name)?, tail)))
            {
                Some((value, tail)) => {
                    out.push_str(value);
                    rest = tail;
                }
                None => {
                    out.push_str("$(params.");
                    rest = after;
                }
            }
        }
        out + rest
    }
}

/// What a program left at its end, as the life of its trial takes it in.
pub fn final_report(report: TrialReport, objective: &str) -> FinalReport {
    let point = |(step, value): (u64, f64)| CurvePoint { step, value };
    let collapsed = report
        .curve_of(COLLAPSED)
        .into_iter()
        .filter(|(_, told)| *told == 1.0);
    FinalReport {
        curve: report.curve_of(objective).into_iter().map(point).collect(),
        collapsed: collapsed.map(|(step, _)| step).collect(),
        step: report.step,
        device: report.text("device"),
        metrics: report.metrics,
    }
}

/// What the manifest leaves open has no flag: the trainer chooses by the task and the checkpoint.
fn bert_arguments(bert: &BertSpec, path: impl Fn(&str) -> String) -> Vec<String> {
    let given = |number: Option<u32>| number.map(|number| number.to_string());
    let given_real = |number: Option<f64>| number.map(|number| number.to_string());
    let flags = [
        ("task", Some(bert.task.word().into())),
        ("model", Some(path(&bert.model))),
        ("data", Some(path(&bert.data))),
        ("epochs", Some(bert.epochs.to_string())),
        ("batch-size", Some(bert.batch_size.to_string())),
        ("max-length", given(bert.max_length)),
        ("precision", Some(bert.precision.word().into())),
        ("device", Some(bert.device.word().into())),
        ("seed", Some(bert.seed.to_string())),
        ("eval-every", Some(bert.eval_every.to_string())),
        ("save-model", Some(bert.save_model.word().into())),
        ("learning-rate", given_real(bert.learning_rate)),
        (
            "scheduler",
            bert.scheduler.map(|scheduler| scheduler.word().into()),
        ),
        ("warmup-ratio", given_real(bert.warmup_ratio)),
        ("warmup-steps", given(bert.warmup_steps)),
        ("weight-decay", given_real(bert.weight_decay)),
        ("dropout", given_real(bert.dropout)),
        (
            "gradient-accumulation-steps",
            given(bert.gradient_accumulation_steps),
        ),
        ("max-grad-norm", given_real(bert.max_grad_norm)),
        ("label-smoothing", given_real(bert.label_smoothing)),
        ("class-weights", bert.class_weights.clone()),
    ];
    let flags = flags
        .into_iter()
        .filter_map(|(name, value)| Some([format!("--{name}"), value?]));
    flags.flatten().collect()
}

/// The files under `/opt/ml/input/config`.
pub const SAGEMAKER_FILES: [&str; 3] = [
    "hyperparameters.json",
    "inputdataconfig.json",
    "resourceconfig.json",
];

/// What stands in [`SAGEMAKER_FILES`], as SageMaker writes it for a job on one machine.
///
/// Source: "How Amazon SageMaker AI provides training information" in SageMaker's developer guide. Every hyperparameter is a
/// text, and `_tuning_objective_metric` is the one by which its own tuning jobs tell the metric.
pub fn sagemaker_files(
    spec: &SagemakerSpec,
    metric: &str,
    parameters: &Parameters,
) -> [(&'static str, String); 3] {
    let mut hyperparameters: BTreeMap<&str, String> = spec
        .hyperparameters
        .iter()
        .map(|(name, text)| (name.as_str(), parameters.fill(text)))
        .collect();
    hyperparameters.extend(
        parameters
            .texts
            .iter()
            .map(|(name, text)| (name.as_str(), text.clone())),
    );
    hyperparameters.insert("_tuning_objective_metric", metric.to_owned());
    let channels = spec.channels.iter().map(|channel| {
        let mut config = serde_json::json!({
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        });
        if let Some(kind) = &channel.content_type {
            config["ContentType"] = kind.as_str().into();
        }
        (channel.name.clone(), config)
    });
    let channels: serde_json::Map<String, serde_json::Value> = channels.collect();
    let hosts = serde_json::json!({
        "current_host": "algo-1",
        "hosts": ["algo-1"],
        "network_interface_name": "eth0",
    });
    let [first, second, third] = SAGEMAKER_FILES;
    [
        (first, serde_json::json!(hyperparameters).to_string()),
        (second, serde_json::Value::Object(channels).to_string()),
        (third, hosts.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_to_parameters_are_replaced() {
        let parameters = Parameters {
            values: Assignment::new(),
            texts: BTreeMap::from([("lr".to_owned(), "6.47e-5".to_owned())]),
            replicate: 0,
            job: String::new(),
            metric: String::new(),
            goal: "",
            bar: None,
        };
        assert_eq!(
            parameters.fill("--lr=$(params.lr) $(date) $(params.x"),
            "--lr=6.47e-5 $(date) $(params.x"
        );
        assert_eq!(parameters.fill("$(params.lr)$(params.lr)"), "6.47e-56.47e-5");
    }

    #[test]
    fn a_replicate_has_a_seed_of_its_own() {
        let parameters = |replicate| Parameters {
            values: Assignment::new(),
            texts: BTreeMap::new(),
            replicate,
            job: "mrpc".into(),
            metric: "loss".into(),
            goal: "minimize",
            bar: None,
        };
        let told: Vec<_> = parameters(2).env().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(told, [pair("TUNING_REPLICATE", "2"), pair("TUNING_JOB", "mrpc")]);
        let bert: BertSpec =
            serde_json::from_value(serde_json::json!({"task": "mrpc", "model": "m", "data": "d", "seed": 7}))
                .unwrap();
        let arguments = |replicate| {
            parameters(replicate)
                .with_bar((replicate > 0).then_some(-0.5))
                .bert_arguments(&bert, str::to_owned)
                .join(" ")
        };
        assert!(arguments(0).contains("--seed 7 ") && arguments(2).contains("--seed 9 "));
        assert!(arguments(0).ends_with("--objective loss --goal minimize"));
        assert!(arguments(1).ends_with("--goal minimize --model-above=-0.5"));
    }

    #[test]
    fn the_fine_tuner_is_told_what_the_manifest_says_and_nothing_else() {
        let arguments = |rest: serde_json::Value| {
            let mut bert = serde_json::json!({"task": "squad", "model": "m", "data": "d"});
            for (key, value) in rest.as_object().unwrap() {
                bert[key] = value.clone();
            }
            let bert: BertSpec = serde_json::from_value(bert).unwrap();
            bert_arguments(&bert, |path| format!("/{path}")).join(" ")
        };
        let least = "--task squad --model /m --data /d --epochs 3 --batch-size 32 --precision auto --device auto --seed 1 --eval-every 0 --save-model best";
        assert_eq!(arguments(serde_json::json!({})), least);
        for (key, value, flag) in [
            ("learningRate", serde_json::json!(5e-5), "--learning-rate 0.00005"),
            ("scheduler", "cosine".into(), "--scheduler cosine"),
            ("warmupRatio", 0.06.into(), "--warmup-ratio 0.06"),
            ("warmupSteps", 0.into(), "--warmup-steps 0"),
            ("weightDecay", 0.1.into(), "--weight-decay 0.1"),
            ("dropout", 0.into(), "--dropout 0"),
            (
                "gradientAccumulationSteps",
                4.into(),
                "--gradient-accumulation-steps 4",
            ),
            ("maxGradNorm", 1.into(), "--max-grad-norm 1"),
            ("labelSmoothing", 0.1.into(), "--label-smoothing 0.1"),
            ("classWeights", "1,2.5".into(), "--class-weights 1,2.5"),
        ] {
            assert_eq!(
                arguments(serde_json::json!({key: value})),
                format!("{least} {flag}")
            );
        }
        let cut = arguments(serde_json::json!({"maxLength": 96}));
        assert!(
            cut.contains("--batch-size 32 --max-length 96 --precision"),
            "{cut}"
        );
    }

    #[test]
    fn sagemakers_files_hold_texts_only() {
        let parameters = Parameters {
            values: Assignment::new(),
            texts: BTreeMap::from([("lr".to_owned(), "6.47e-5".to_owned())]),
            replicate: 0,
            job: String::new(),
            metric: String::new(),
            goal: "",
            bar: None,
        };
        let spec: SagemakerSpec = serde_json::from_value(serde_json::json!({
            "image": "i", "hyperparameters": {"epochs": "3", "note": "lr $(params.lr)"},
            "channels": [{"name": "train", "volume": "data", "contentType": "text/csv"}],
        }))
        .unwrap();
        let files = sagemaker_files(&spec, "f1", &parameters).map(|(_, text)| text);
        assert_eq!(
            files[0],
            r#"{"_tuning_objective_metric":"f1","epochs":"3","lr":"6.47e-5","note":"lr 6.47e-5"}"#
        );
        let channels: serde_json::Value = serde_json::from_str(&files[1]).unwrap();
        assert_eq!(channels["train"]["ContentType"], "text/csv");
        assert_eq!(channels["train"]["TrainingInputMode"], "File");
    }
}
