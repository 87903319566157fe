//! Variables of a manifest, as Kubernetes has them. Pure.

use super::resources::quantity;
use crate::api::{self, EnvFromSpec, EnvSource, KeySource, KeysSource};
use crate::contract::Parameters;
use k8s_openapi::api::core::v1::{
    ConfigMapEnvSource, ConfigMapKeySelector, EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector,
    ResourceFieldSelector, SecretEnvSource, SecretKeySelector,
};

/// Kubernetes expands `$(NAME)` in commands and values: what we mean literally gets a second `$`.
pub fn escaped(text: &str) -> String {
    text.replace("$(", "$$(")
}

/// A variable with this value.
pub fn plain(name: &str, value: &str) -> EnvVar {
    EnvVar {
        name: name.into(),
        value: Some(escaped(value)),
        value_from: None,
    }
}

/// The variables of a manifest.
pub fn variables(env: &[api::EnvVar], parameters: &Parameters) -> Vec<EnvVar> {
    let variable = |var: &api::EnvVar| match &var.value_from {
        Some(source) => EnvVar {
            name: var.name.clone(),
            value: None,
            value_from: Some(value_from(source)),
        },
        None => plain(&var.name, &parameters.fill(&var.value)),
    };
    env.iter().map(variable).collect()
}

fn value_from(source: &EnvSource) -> EnvVarSource {
    let secret = |key: &KeySource| SecretKeySelector {
        name: key.name.clone(),
        key: key.key.clone(),
        optional: key.optional.then_some(true),
    };
    let config_map = |key: &KeySource| ConfigMapKeySelector {
        name: key.name.clone(),
        key: key.key.clone(),
        optional: key.optional.then_some(true),
    };
    let field = |field: &api::FieldSource| ObjectFieldSelector {
        field_path: field.field_path.clone(),
        api_version: None,
    };
    let resource = |field: &api::ResourceFieldSource| ResourceFieldSelector {
        resource: field.resource.clone(),
        container_name: field.container_name.clone(),
        divisor: field.divisor.as_ref().map(quantity),
    };
    EnvVarSource {
        secret_key_ref: source.secret_key_ref.as_ref().map(secret),
        config_map_key_ref: source.config_map_key_ref.as_ref().map(config_map),
        field_ref: source.field_ref.as_ref().map(field),
        resource_field_ref: source.resource_field_ref.as_ref().map(resource),
        ..EnvVarSource::default()
    }
}

/// Where all keys are variables; `None` where there is no such place.
pub fn env_from(sources: &[EnvFromSpec]) -> Option<Vec<EnvFromSource>> {
    let source = |source: &EnvFromSpec| EnvFromSource {
        prefix: source.prefix.clone(),
        secret_ref: source
            .secret_ref
            .as_ref()
            .map(|keys: &KeysSource| SecretEnvSource {
                name: keys.name.clone(),
                optional: keys.optional.then_some(true),
            }),
        config_map_ref: source
            .config_map_ref
            .as_ref()
            .map(|keys: &KeysSource| ConfigMapEnvSource {
                name: keys.name.clone(),
                optional: keys.optional.then_some(true),
            }),
    };
    (!sources.is_empty()).then(|| sources.iter().map(source).collect())
}
