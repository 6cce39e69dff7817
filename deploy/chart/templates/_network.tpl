{{- /* Parts of the network policies. */ -}}

{{- /* Who carries a ticket: the root, the policy's section, the ticket. */ -}}
{{- define "perijove.ticket-holders" -}}
{{- $ticket := printf "hub.jupyter.org/network-access-%s" (index . 2) -}}
{{- $anywhere := eq (index . 1).interNamespaceAccessLabels "accept" -}}
- podSelector:
    matchLabels:
      {{ $ticket }}: "true"
  {{- if $anywhere }}
  namespaceSelector: {}
- namespaceSelector:
    matchLabels:
      {{ $ticket }}: "true"
  {{- end }}
{{- end }}

{{- define "perijove.open-ports" -}}
{{- with .allowedIngressPorts }}
- ports:
    {{- range . }}
    - port: {{ toJson . }}
    {{- end }}
{{- end }}
{{- with .ingress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The root, the component, the port. */ -}}
{{- define "perijove.to-part" -}}
- to:
    - podSelector:
        matchLabels:
{{ include "perijove.selector" (list (index . 0) (index . 1)) | indent 10 }}
  ports:
    - port: {{ index . 2 }}
      protocol: TCP
{{- end }}

{{- define "perijove.private" -}}
[10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]
{{- end }}

{{- /* What the flags of a policy let out: the root, the policy's section. */ -}}
{{- define "perijove.egress" -}}
{{- $metadata := printf "%s/32" (index . 0).Values.singleuser.cloudMetadata.ip -}}
{{- $policy := index . 1 -}}
{{- $rules := $policy.egressAllowRules | default dict -}}
{{- $private := include "perijove.private" . | fromYamlArray -}}
{{- if or $rules.dnsPortsCloudMetadataServer $rules.dnsPortsKubeSystemNamespace $rules.dnsPortsPrivateIPs }}
- ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
  to:
    {{- if $rules.dnsPortsCloudMetadataServer }}
    - ipBlock:
        cidr: {{ $metadata }}
    {{- end }}
    {{- if $rules.dnsPortsKubeSystemNamespace }}
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
    {{- end }}
    {{- if $rules.dnsPortsPrivateIPs }}
    {{- range $private }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
    {{- end }}
{{- end }}
{{- if $rules.nonPrivateIPs }}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except:
          {{- range append $private $metadata }}
          - {{ . }}
          {{- end }}
{{- end }}
{{- if $rules.privateIPs }}
- to:
    {{- range $private }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
{{- end }}
{{- if $rules.cloudMetadataServer }}
- to:
    - ipBlock:
        cidr: {{ $metadata }}
{{- end }}
{{- with $policy.egress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "perijove.families" -}}
{{- with .ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .ipFamilies }}
ipFamilies:
{{ toYaml . | indent 2 }}
{{- end }}
{{- end }}
