//! What must hold in a TuningJob or a Trial and no schema can say, in CEL: a person who applies one is told at once.

use crate::api::{CHANGES, Change};

/// A rule in CEL: where it stands (`[]` for the items of a list), what must hold, and the sentence for whoever breaks it.
pub type Rule<'a> = (&'a str, &'a str, &'a str);

/// Rules for TuningJobs. They stand here and not beside their fields: the types are the same without kube, whose derive would be needed.
pub const RULES: &[Rule<'static>] = &[
    (
        "",
        "self.metadata.name.size() <= 50 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name: use lower-case letters, digits and '-', a letter first, at most 50 characters, so that a trial's Job can be called NAME-0001",
    ),
    (
        "spec/parameters[]",
        "[has(self.double), has(self.integer), has(self.categorical), has(self.discrete)].filter(x, x).size() == 1",
        "give exactly one of double, integer, categorical, discrete",
    ),
    (
        "spec/parameters[]/double",
        "self.min < self.max",
        "min must be below max",
    ),
    (
        "spec/parameters[]/double",
        "!has(self.scale) || self.scale != 'Log' || self.min > 0.0",
        "a Log scale needs min above 0",
    ),
    (
        "spec/parameters[]/double",
        "!has(self.scale) || self.scale != 'ReverseLog' || (self.min >= 0.0 && self.max < 1.0)",
        "a ReverseLog scale needs 0 <= min and max < 1",
    ),
    (
        "spec/parameters[]/integer",
        "self.min < self.max",
        "min must be below max",
    ),
    (
        "spec/parameters[]/integer",
        "!has(self.scale) || self.scale != 'Log' || self.min > 0",
        "a Log scale needs min above 0",
    ),
    (
        "spec/parameters[]/integer",
        "!has(self.scale) || self.scale != 'ReverseLog'",
        "an integer's scale is Linear or Log",
    ),
    (
        "spec/parameters[]/integer",
        "!has(self.step) || self.step > 0",
        "step must be above 0",
    ),
    (
        "spec/strategy",
        "[has(self.bayesian), has(self.random), has(self.sobol), has(self.grid), has(self.hyperband), has(self.asha)].filter(x, x).size() == 1",
        "give exactly one of bayesian, random, sobol, grid, hyperband, asha",
    ),
    (
        "spec/trial",
        "!has(self.command)",
        "command runs programs of one machine: on a cluster use container",
    ),
    (
        "spec/trial",
        "[has(self.bert), has(self.container), has(self.sagemaker)].filter(x, x).size() == 1",
        "give exactly one of bert, container and sagemaker",
    ),
    (
        "spec/trial/bert",
        "!has(self.learningRate) || self.learningRate > 0.0",
        "learningRate must be above 0",
    ),
    (
        "spec/trial/bert",
        "(!has(self.dropout) || self.dropout < 1.0) && (!has(self.labelSmoothing) || self.labelSmoothing < 1.0)",
        "dropout and labelSmoothing must be below 1",
    ),
    (
        "spec/trial/bert",
        "self.task != 'squad' || !has(self.maxLength) || self.maxLength >= 100",
        "squad needs a maxLength of at least 100",
    ),
    (
        "spec/trial/bert",
        "!has(self.warmupRatio) || !has(self.warmupSteps)",
        "warmupRatio and warmupSteps both say how long the warm-up is: remove one of them",
    ),
    (
        "spec/trial/bert",
        "!(self.task in ['squad', 'stsb']) || (!has(self.labelSmoothing) && !has(self.classWeights))",
        "labelSmoothing and classWeights are for tasks with classes: remove them",
    ),
    (
        "spec/trial/volumes[]",
        "[has(self.persistentVolumeClaim), has(self.configMap), has(self.secret), has(self.emptyDir), has(self.csi), has(self.ephemeral)].filter(x, x).size() == 1",
        "give exactly one of persistentVolumeClaim, configMap, secret, emptyDir, csi, ephemeral",
    ),
    (
        "spec/trial/volumes[]",
        "!has(self.mountPath) || self.mountPath.startsWith('/')",
        "mountPath must begin with /",
    ),
    (
        "spec/trial/env[]",
        "!has(self.valueFrom) || !has(self.value) || self.value == ''",
        "a variable has value or valueFrom, not both: remove one of them",
    ),
    (
        "spec/trial/env[]/valueFrom",
        "[has(self.secretKeyRef), has(self.configMapKeyRef), has(self.fieldRef), has(self.resourceFieldRef)].filter(x, x).size() == 1",
        "give exactly one of secretKeyRef, configMapKeyRef, fieldRef, resourceFieldRef",
    ),
    (
        "spec/trial/envFrom[]",
        "has(self.secretRef) != has(self.configMapRef)",
        "give exactly one of secretRef and configMapRef",
    ),
    (
        "spec/trial/initContainers[]/env[]",
        "!has(self.valueFrom) || !has(self.value) || self.value == ''",
        "a variable has value or valueFrom, not both: remove one of them",
    ),
    (
        "spec/trial/initContainers[]/env[]/valueFrom",
        "[has(self.secretKeyRef), has(self.configMapKeyRef), has(self.fieldRef), has(self.resourceFieldRef)].filter(x, x).size() == 1",
        "give exactly one of secretKeyRef, configMapKeyRef, fieldRef, resourceFieldRef",
    ),
    (
        "spec/trial/initContainers[]/envFrom[]",
        "has(self.secretRef) != has(self.configMapRef)",
        "give exactly one of secretRef and configMapRef",
    ),
    (
        "spec/trial/initContainers[]",
        "self.name != 'trial'",
        "trial is the name of the trial's own container: choose another",
    ),
    (
        "spec/trial/resourceClaims[]",
        "has(self.resourceClaimName) != has(self.resourceClaimTemplateName)",
        "give exactly one of resourceClaimName and resourceClaimTemplateName",
    ),
    (
        "spec/trial/podSecurityContext",
        "!has(self.runAsUser) || self.runAsUser != 0 || !has(self.runAsNonRoot) || !self.runAsNonRoot",
        "runAsNonRoot is true, and user 0 is root: remove it, or name another user",
    ),
    (
        "spec/trial/containerSecurityContext",
        "!has(self.runAsUser) || self.runAsUser != 0 || !has(self.runAsNonRoot) || !self.runAsNonRoot",
        "runAsNonRoot is true, and user 0 is root: remove it, or name another user",
    ),
    (
        "spec/trial/initContainers[]/securityContext",
        "!has(self.runAsUser) || self.runAsUser != 0 || !has(self.runAsNonRoot) || !self.runAsNonRoot",
        "runAsNonRoot is true, and user 0 is root: remove it, or name another user",
    ),
    (
        "spec/trial",
        "!has(self.podLabels) || !self.podLabels.exists(key, key.startsWith('tuning-operator.io/'))",
        "podLabels that begin with tuning-operator.io/ are the tuner's own: remove them",
    ),
    (
        "spec/trial",
        "!has(self.podAnnotations) || !self.podAnnotations.exists(key, key.startsWith('tuning-operator.io/'))",
        "podAnnotations that begin with tuning-operator.io/ are the tuner's own: remove them",
    ),
    (
        "spec/metrics",
        "[has(self.prometheus), has(self.promQuery), has(self.logs)].filter(x, x).size() == 1",
        "give exactly one of prometheus, promQuery and logs",
    ),
    (
        "spec/metrics/prometheus",
        "!has(self.path) || self.path.startsWith('/')",
        "path must begin with /",
    ),
    (
        "spec",
        "!has(self.earlyStopping) || !has(self.strategy) || !has(self.strategy.hyperband)",
        "hyperband stops trials by itself: remove earlyStopping, or choose another strategy",
    ),
    (
        "spec",
        "!has(self.earlyStopping) || !has(self.strategy) || !has(self.strategy.asha)",
        "asha stops trials by itself: remove earlyStopping, or choose another strategy",
    ),
    (
        "spec",
        "self.parameters == oldSelf.parameters",
        "parameters can't change once the job exists: start another job for another question",
    ),
    (
        "spec",
        "has(self.strategy) == has(oldSelf.strategy) && (!has(self.strategy) || self.strategy == oldSelf.strategy)",
        "strategy can't change once the job exists: start another job for another question",
    ),
    (
        "spec",
        "has(self.metrics) == has(oldSelf.metrics) && (!has(self.metrics) || self.metrics == oldSelf.metrics)",
        "metrics can't change once the job exists: start another job for another question",
    ),
    (
        "spec",
        "has(self.warmStart) == has(oldSelf.warmStart) && (!has(self.warmStart) || self.warmStart == oldSelf.warmStart)",
        "warmStart can't change once the job exists: start another job",
    ),
    (
        "spec/objective",
        "self.metric == oldSelf.metric && self.goal == oldSelf.goal",
        "metric and goal can't change once the job exists: start another job for another question",
    ),
    (
        "spec/objective",
        "has(self.value) == has(oldSelf.value) && (!has(self.value) || self.value == oldSelf.value)",
        "value can't change once the job exists: start another job for another question",
    ),
    (
        "spec/budget",
        "self.maxTrials >= oldSelf.maxTrials",
        "maxTrials may grow, not shrink",
    ),
    (
        "spec/budget",
        "!has(self.maxFailedTrials) || has(oldSelf.maxFailedTrials) && self.maxFailedTrials >= oldSelf.maxFailedTrials",
        "maxFailedTrials may grow, not shrink",
    ),
    (
        "spec/budget",
        "!has(self.maxTrialsWithoutImprovement) || has(oldSelf.maxTrialsWithoutImprovement) && self.maxTrialsWithoutImprovement >= oldSelf.maxTrialsWithoutImprovement",
        "maxTrialsWithoutImprovement may grow, not shrink",
    ),
    (
        "spec/budget",
        "!has(self.maxGpuHours) || has(oldSelf.maxGpuHours) && self.maxGpuHours >= oldSelf.maxGpuHours",
        "maxGpuHours may grow, not shrink",
    ),
];

/// Rules for Trials.
pub const TRIAL_RULES: &[Rule<'static>] = &[
    (
        "spec",
        "self == oldSelf",
        "a trial's spec never changes: make another trial",
    ),
    (
        "",
        "has(self.spec.index) == has(self.spec.why) && has(self.spec.index) == self.metadata.name.matches('-[0-9]{4,}$')",
        "leave out index and why, and give a name that does not end in - and four digits: those are the operator's",
    ),
    (
        "",
        "self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name: use lower-case letters, digits and '-', a letter first, at most 63 characters",
    ),
];

/// A rule for each field of `spec.trial` that can't change: what runs is the question, on which nodes it runs is not.
pub fn unchanging() -> Vec<(String, String)> {
    let fields = CHANGES.iter().filter(|(_, change)| *change == Change::Never);
    let fields = fields.filter_map(|(path, _)| path.strip_prefix("spec.trial."));
    let rule = |name: &str| {
        (
            format!(
                "has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || self.{name} == oldSelf.{name})"
            ),
            format!("{name} can't change once the job exists: start another job for another question"),
        )
    };
    fields.map(rule).collect()
}
