{{- /* What this version does not do, and would be dangerous to leave out silently. */ -}}

{{- define "perijove.refuse" -}}
{{- $found := list -}}
{{- $say := dict -}}
{{- $values := .Values | toYaml | fromYaml -}}
{{- range $key, $words := (include "perijove.refusals" . | fromYaml) -}}
{{- $value := $values -}}
{{- range splitList "." $key -}}
{{- $value = ternary (get (ternary $value dict (kindIs "map" $value)) .) "" (kindIs "map" $value) -}}
{{- end -}}
{{- if and $value (ne (toString $value) "false") -}}
{{- $found = append $found (printf "%s: %s" $key $words) -}}
{{- end -}}
{{- end -}}
{{- if $found -}}
{{- fail (printf "\n\nThis version of the chart does not do everything that these values ask for:\n\n- %s\n" (join "\n- " $found)) -}}
{{- end -}}
{{- $given := or .Values.hub.db.url (dig "JupyterHub" "db_url" "" (.Values.hub.config | default dict)) -}}
{{- $shared := has .Values.hub.db.type (list "postgres" "mysql" "other") -}}
{{- if and $shared (not $given) -}}
{{- $scheme := get (dict "mysql" "mysql") .Values.hub.db.type | default "postgresql" -}}
{{- fail (printf "\n\nhub.db.type: %s needs hub.db.url: %s://user@host/name (hub.db.password may hold the password)." .Values.hub.db.type $scheme) -}}
{{- end -}}
{{- if and (gt (int .Values.hub.replicas) 1) (not $shared) -}}
{{- fail "\n\nhub.replicas: several hubs share a PostgreSQL or MariaDB. Set hub.db.type (postgres, mysql) and hub.db.url, or leave hub.replicas at 1." -}}
{{- end -}}
{{- end }}

{{- define "perijove.refusals" -}}
proxy.https.enabled: it would serve passwords in the clear. Put an ingress or a load balancer that speaks HTTPS in front of the Service proxy-public, and leave this off.
ingress.enabled: write an Ingress of your own for the Service proxy-public, port http, and leave this off.
httpRoute.enabled: write an HTTPRoute of your own for the Service proxy-public, port 80, and leave this off.
imagePullSecret.create: make the Secret yourself (kubectl create secret docker-registry) and name it in imagePullSecrets.
hub.existingSecret: its secrets and values would not be read. Put them into a values file of their own (helm -f).
hub.extraFiles: they would be missing. Mount a ConfigMap or Secret with hub.extraVolumes and hub.extraVolumeMounts.
hub.extraConfig: Python is not run in this version, and it may hold who is let in. Say the same with hub.config, or leave it out.
hub.config.JupyterHub.internal_ssl: nothing between hub, proxy and servers would be encrypted. Let the network protect them (network policies, WireGuard), and leave this off.
singleuser.extraFiles: they would be missing from people's servers. Mount a ConfigMap with singleuser.storage.extraVolumes.
singleuser.cloudMetadata.blockWithIptables: servers would reach the cloud's metadata. singleuser.networkPolicy keeps them from it where the cluster enforces policies; set this to false.
proxy.chp.defaultTarget: it belongs to configurable-http-proxy.
proxy.chp.errorTarget: it belongs to configurable-http-proxy.
{{- end }}
