"""Publishes what it reads and prints what it hears, one JSON value on a line; Eclipse Paho."""

import json
import sys

import paho.mqtt.client as mqtt


def tell(**what):
    print(json.dumps(what), flush=True)


def main():
    port, user, password, fleet = sys.argv[1:5]
    arguments = {'client_id': '', 'clean_session': True, 'protocol': mqtt.MQTTv311}
    if hasattr(mqtt, 'CallbackAPIVersion'):
        arguments['callback_api_version'] = mqtt.CallbackAPIVersion.VERSION1
    client = mqtt.Client(**arguments)
    client.username_pw_set(user, password)

    def on_connect(client, userdata, flags, code, *rest):
        client.subscribe([(f'tickpay/1/{fleet}/_/{name}', 1) for name in ('response/+', 'event')])

    client.on_connect = on_connect
    client.on_subscribe = lambda *_: tell(topic='ready', payload=None)
    client.on_message = lambda _client, _data, message: tell(
        topic=message.topic, payload=json.loads(message.payload))
    client.on_disconnect = lambda *_: tell(topic='gone', payload=None)
    client.connect('127.0.0.1', int(port), keepalive=60)
    client.loop_start()
    for line in sys.stdin:
        request = json.loads(line)
        client.publish(request['topic'], request['payload'], qos=1)
    client.loop_stop()


main()
