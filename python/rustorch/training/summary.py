"""placeholder"""
def width(t): return len(t)
