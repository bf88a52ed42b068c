"""The rules of the DMP: pure functions over resources and facts (PDSm 3.1.1, PDSm4DMP 0.1.0, IHE MHD 4.2.3)."""
