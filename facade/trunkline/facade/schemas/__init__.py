"""JSON bodies of the ordinary REST routes, in ThingsBoard's shapes, one module per subject."""
