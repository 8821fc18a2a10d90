#!/bin/sh
# Wraps the rules of deploy/monitoring for the Prometheus operator; run it after each edit of these.
set -eu
cd "$(dirname "$0")"
{
  cat <<'HEADER'
# Made by update.sh of ../../../monitoring/gramian.rules.yaml: edit that.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: gramian
  labels:
    app.kubernetes.io/name: gramian
spec:
HEADER
  sed -e 's/^\(.\)/  \1/' ../../../monitoring/gramian.rules.yaml
} >prometheus-rule.yaml
