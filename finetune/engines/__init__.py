"""Training engines, one file each, behind one seam."""
