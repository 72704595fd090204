"""MQTT 3.1, 3.1.1 and 5.0 with ThingsBoard's topics: no broker, only devices and this server."""
