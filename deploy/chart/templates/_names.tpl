{{- /* Names of things: bare by default, `<prefix>-` with fullnameOverride, the release's with null. */ -}}

{{- define "perijove.app" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "perijove.prefix" -}}
{{- if not (kindIs "invalid" .Values.fullnameOverride) -}}
{{- with .Values.fullnameOverride }}{{ . | trunc 40 | trimSuffix "-" }}-{{ end -}}
{{- else if contains (include "perijove.app" .) .Release.Name -}}
{{- .Release.Name }}-
{{- else -}}
{{- .Release.Name }}-{{ include "perijove.app" . | trunc 30 | trimSuffix "-" }}-
{{- end -}}
{{- end }}

{{- define "perijove.hub" }}{{ include "perijove.prefix" . }}hub{{ end }}
{{- define "perijove.hub-db" }}{{ include "perijove.prefix" . }}hub-db-dir{{ end }}
{{- define "perijove.proxy" }}{{ include "perijove.prefix" . }}proxy{{ end }}
{{- define "perijove.proxy-api" }}{{ include "perijove.prefix" . }}proxy-api{{ end }}
{{- define "perijove.proxy-public" }}{{ include "perijove.prefix" . }}proxy-public{{ end }}
{{- define "perijove.singleuser" }}{{ include "perijove.prefix" . }}singleuser{{ end }}

{{- /* Of the whole cluster: with the namespace, for two of them may hold a release of one name. */ -}}
{{- define "perijove.hub-cluster" -}}
{{- include "perijove.prefix" . | default (printf "%s-" .Release.Name) }}hub:{{ .Release.Namespace }}
{{- end }}

{{- define "perijove.hub-account" -}}
{{- $account := .Values.hub.serviceAccount -}}
{{- $account.name | default (ternary (include "perijove.hub" .) "default" (not (eq $account.create false))) -}}
{{- end }}

{{- /* /, or /lab/ */ -}}
{{- define "perijove.base-url" -}}
{{- $given := dig "JupyterHub" "base_url" .Values.hub.baseUrl (.Values.hub.config | default dict) -}}
{{- with trimAll "/" $given }}/{{ . }}/{{ else }}/{{ end -}}
{{- end }}
