"""Engines beside the embedded one, each as an Ibis backend that makes temporary tables only and says how it was lost.

What Ibis writes is not understood alike everywhere: the mends for all reductions stand here, one class per engine.
"""
