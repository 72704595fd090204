import paho.mqtt.client as mqtt


def answer(device, _, call):
    if b"beSilent" not in call.payload:
        device.publish(call.topic.replace("request", "response"), b'{"done":' + call.payload + b"}")


device = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
device.username_pw_set("A1_TEST_TOKEN")
device.on_connect = lambda *_: device.subscribe("v1/devices/me/rpc/request/+")
device.on_message = answer
device.connect("localhost", 1883)
device.loop_forever()
