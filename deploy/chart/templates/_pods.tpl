{{- /* What the pods of hub and proxy have in common. */ -}}

{{- /* The root, an image section, and the one that stands in for what it leaves out. */ -}}
{{- define "perijove.told" -}}
{{- eq (.Values.proxy.kind | default "perijove") "chp" -}}
{{- end }}

{{- /* The root: what the proxy runs, and from where: ours is in the image of the hub. */ -}}
{{- define "perijove.proxy-image" -}}
{{- $image := .Values.proxy.chp.image -}}
{{- if eq (include "perijove.told" .) "true" -}}
{{- include "perijove.image" (list . $image (dict "name" "quay.io/jupyterhub/configurable-http-proxy" "tag" "5.3.0")) -}}
{{- else -}}
{{- include "perijove.image" (list . $image .Values.hub.image) -}}
{{- end -}}
{{- end }}

{{- define "perijove.proxy-command" -}}
{{- $command := .Values.proxy.chp.command -}}
{{- if and (eq (include "perijove.told" .) "true") (eq (join " " $command) "perijove proxy") -}}
{{- $command = list "configurable-http-proxy" -}}
{{- end -}}
{{- toYaml $command -}}
{{- end }}

{{- define "perijove.image" -}}
{{- $image := index . 1 -}}
{{- $other := index . 2 -}}
image: {{ printf "%s:%s" ($image.name | default $other.name) ($image.tag | default $other.tag) | quote }}
{{- with $image.pullPolicy | default (ternary "" $other.pullPolicy (ne ($image.name | default "") "")) }}
imagePullPolicy: {{ . }}
{{- end }}
{{- end }}

{{- /* The root, a list of names or maps. */ -}}
{{- define "perijove.pull-secrets" -}}
{{- $names := list -}}
{{- range concat ((index . 0).Values.imagePullSecrets | default list) (index . 1 | default list) -}}
{{- $names = append $names (ternary (dict "name" .) . (kindIs "string" .)) -}}
{{- end -}}
{{- with $names | uniq }}
imagePullSecrets:
{{ toYaml . | indent 2 }}
{{- end }}
{{- end }}

{{- define "perijove.env" -}}
{{- if kindIs "map" . -}}
{{- range $name, $value := . }}
{{- if kindIs "map" $value }}
- {{ toYaml (merge (dict) $value (dict "name" $name)) | nindent 2 | trim }}
{{- else }}
- name: {{ $name | quote }}
  value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
{{- end }}
{{- end }}
{{- else if . }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* A probe section, the path, the name of the port. */ -}}
{{- define "perijove.probe" -}}
{{ toYaml (omit (index . 0) "enabled") }}
httpGet:
  path: {{ index . 1 }}
  port: {{ index . 2 }}
{{- end }}

{{- /* The root, more tolerations. */ -}}
{{- define "perijove.core-place" -}}
{{- $core := (index . 0).Values.scheduling.corePods -}}
{{- with concat ($core.tolerations | default list) (index . 1 | default list) }}
tolerations:
{{ toYaml . | indent 2 }}
{{- end }}
{{- $purpose := list (dict "key" "hub.jupyter.org/node-purpose" "operator" "In" "values" (list "core")) }}
{{- if eq $core.nodeAffinity.matchNodePurpose "prefer" }}
affinity:
  nodeAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        preference:
          matchExpressions:
{{ toYaml $purpose | indent 12 }}
{{- else if eq $core.nodeAffinity.matchNodePurpose "require" }}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
{{ toYaml $purpose | indent 12 }}
{{- end }}
{{- end }}

{{- define "perijove.pdb" -}}
{{- if not (kindIs "invalid" .maxUnavailable) }}
maxUnavailable: {{ .maxUnavailable }}
{{- end }}
{{- if not (kindIs "invalid" .minAvailable) }}
minAvailable: {{ .minAvailable }}
{{- end }}
{{- end }}
