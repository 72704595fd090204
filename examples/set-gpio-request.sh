#!/bin/sh
# ThingsBoard's documentation sample as it stands there; set DEVICE_ID and JWT_TOKEN first.
cd "$(dirname "$0")" || exit
curl -v -X POST -d @set-gpio-request.json http://localhost:8080/api/plugins/rpc/twoway/$DEVICE_ID \
  --header "Content-Type:application/json" \
  --header "X-Authorization: $JWT_TOKEN"
