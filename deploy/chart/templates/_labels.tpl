{{- /* Labels: both sets, that of selectors (it never changes), and tickets of the network policies.
       They take a list: the root, the component. */ -}}

{{- define "perijove.selector" -}}
{{- $root := index . 0 -}}
component: {{ index . 1 }}
app: {{ include "perijove.app" $root }}
release: {{ $root.Release.Name }}
{{- end }}

{{- define "perijove.chart" -}}
{{- printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") -}}
{{- end }}

{{- define "perijove.labels" -}}
{{- $root := index . 0 -}}
{{ include "perijove.selector" . }}
chart: {{ include "perijove.chart" $root }}
heritage: {{ $root.Release.Service }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/name: {{ include "perijove.app" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ include "perijove.chart" $root }}
{{- end }}

{{- define "perijove.pod-labels" -}}
{{- $root := index . 0 -}}
{{ include "perijove.selector" . }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/name: {{ include "perijove.app" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- end }}

{{- /* What people's pods and homes carry of the release: policies and `kubectl -l` find them by it. */ -}}
{{- define "perijove.release-labels" -}}
app: {{ include "perijove.app" . }}
release: {{ .Release.Name }}
chart: {{ include "perijove.chart" . }}
app.kubernetes.io/name: {{ include "perijove.app" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
helm.sh/chart: {{ include "perijove.chart" . }}
{{- end }}
