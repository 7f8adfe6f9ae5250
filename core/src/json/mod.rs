//! JSON as spans: a scanner that never changes a byte, for wire bodies and for transforms.
