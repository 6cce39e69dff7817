{{- /* Secrets: what somebody gave, else what the cluster has, else made once. */ -}}

{{- /* Computed once for all templates, so that a checksum is that of what is written. */ -}}
{{- define "perijove.make-secrets" -}}
{{- if not (hasKey . "perijoveSecrets") -}}
{{- $config := .Values.hub.config | default dict -}}
{{- $live := (lookup "v1" "Secret" .Release.Namespace (include "perijove.hub" .)).data | default dict -}}
{{- $made := dict -}}
{{- $cookie := dig "JupyterHub" "cookie_secret" "" $config | default .Values.hub.cookieSecret -}}
{{- $token := dig "ConfigurableHTTPProxy" "auth_token" "" $config | default .Values.proxy.secretToken -}}
{{- $given := dict
  "hub.config.JupyterHub.cookie_secret" $cookie
  "hub.config.ConfigurableHTTPProxy.auth_token" $token
  "hub.config.CryptKeeper.keys" (dig "CryptKeeper" "keys" "" $config | join ";")
  "perijove.server-tokens" ""
  "perijove.cli-token" "" -}}
{{- range $key, $value := $given -}}
{{- $kept := index $live $key | default "" | b64dec -}}
{{- $_ := set $made $key ($value | default $kept | default (randBytes 32 | b64dec | printf "%x")) -}}
{{- end -}}
{{- $_ := set . "perijoveSecrets" $made -}}
{{- end -}}
{{- end }}

{{- define "perijove.secrets" -}}
{{- include "perijove.make-secrets" . -}}
{{- toJson .perijoveSecrets -}}
{{- end }}

{{- /* The values as they are; people's pods and homes carry the labels of the release besides. */ -}}
{{- define "perijove.values" -}}
{{- $values := .Values | toYaml | fromYaml -}}
{{- $labels := include "perijove.release-labels" . | fromYaml -}}
{{- $pods := dict "extraLabels" $labels "storage" (dict "extraLabels" $labels) -}}
{{- $values = mustMergeOverwrite $values (dict "singleuser" $pods) -}}
{{- if eq (include "perijove.told" .) "true" -}}
{{- $api := dict "api_url" (printf "http://%s:8001" (include "perijove.proxy-api" .)) -}}
{{- $values = mustMerge $values (dict "hub" (dict "config" (dict "ConfigurableHTTPProxy" $api))) -}}
{{- end -}}
{{- toYaml $values -}}
{{- end }}
