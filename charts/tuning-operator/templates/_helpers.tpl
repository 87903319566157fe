{{- define "tuning-operator.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tuning-operator.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tuning-operator.labels" -}}
{{ include "tuning-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{- /* What the operator needs to ask a Prometheus server; empty where it needs nothing. */ -}}
{{- define "tuning-operator.prometheusVolumes" -}}
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
