{{- define "tuning-operator.name" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tuning-operator.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- /* An image by its digest, or else by its tag. */ -}}
{{- define "tuning-operator.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ printf "%s@%s" .repository .digest }}{{ else }}{{ printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}{{ end }}
{{- end }}
{{- end }}

{{- define "tuning-operator.labels" -}}
{{ include "tuning-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- with omit .Values.commonLabels "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart" }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Whether this release makes objects of the cluster: one that looks after all namespaces. */ -}}
{{- define "tuning-operator.isOfTheCluster" -}}
{{- if not .Values.namespaces }}true{{ end }}
{{- end }}

{{- /* What the operator needs to show a certificate and to ask a Prometheus server; empty where it needs nothing. */ -}}
{{- define "tuning-operator.volumes" -}}
{{- with .Values.metrics.secure }}
{{- if and .enabled .certificateSecret }}
- name: metrics-certificates
  secret: {secretName: {{ .certificateSecret | quote }}, items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]}
{{- end }}
{{- end }}
{{- if .Values.prometheusUrl }}
{{- with .Values.prometheusCa }}
{{- if .configMap }}
- name: prometheus-ca
  configMap: {name: {{ .configMap | quote }}, items: [{key: {{ .key | quote }}, path: ca.crt}]}
{{- else if .secret }}
- name: prometheus-ca
  secret: {secretName: {{ .secret | quote }}, items: [{key: {{ .key | quote }}, path: ca.crt}]}
{{- end }}
{{- end }}
{{- with .Values.prometheusToken }}
{{- if .secret }}
- name: prometheus-token
  secret: {secretName: {{ .secret | quote }}, items: [{key: {{ .key | quote }}, path: token}]}
{{- else if .serviceAccount }}
- name: prometheus-token
  projected:
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
          {{- with .audience }}
          audience: {{ . | quote }}
          {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "tuning-operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "tuning-operator.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "tuning-operator.metricsName" -}}
{{ include "tuning-operator.name" . }}-metrics
{{- end }}

{{- /* By which labels rules know the operator's own series. */ -}}
{{- define "tuning-operator.series" -}}
namespace={{ .Release.Namespace | quote }}, job={{ default (include "tuning-operator.metricsName" .) .Values.metrics.job | quote }}
{{- end }}
