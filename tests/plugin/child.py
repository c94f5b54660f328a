# SPDX-License-Identifier: MIT
"""What programs that fork, or end, in the middle of a read do: their text, for a Python of its own."""
from __future__ import annotations

AREA = (8.538, 50.010, 8.562, 50.027)
EVERY_TILE = 16

# A program's beginning: the layer, opened, and what a child does is told as a line of JSON by its parent. A child that
# hangs is killed, and that is told.
BEGIN = f"""
import json, os, select, signal, sys, threading, time
from osgeo import gdal
gdal.DontUseExceptions()
said = []
gdal.PushErrorHandler(lambda level, number, text: said.append(text) if level >= gdal.CE_Failure else None)
AREA = {AREA!r}

def opened():
    dataset = gdal.OpenEx("MAPILLARY:", gdal.OF_VECTOR)
    layer = dataset.GetLayerByName("images")
    layer.SetSpatialFilterRect(*AREA)
    return dataset, layer

def rest(layer):
    ids = []
    while True:
        feature = layer.GetNextFeature()
        if feature is None:
            return ids
        ids.append(feature.GetFID())

def in_child(work):
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        result = work()
        os.write(into, json.dumps(dict(rows=result, said=said)).encode())
        os._exit(0)
    os.close(into)
    text, end = b"", time.monotonic() + 60
    while time.monotonic() < end and select.select([out], [], [], 1)[0] is not None:
        if select.select([out], [], [], 0)[0]:
            more = os.read(out, 1 << 20)
            if not more:
                break
            text += more
    os.close(out)
    if time.monotonic() >= end:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    told = json.loads(text) if text else dict(rows=None, said=[])
    return dict(told, status=os.waitstatus_to_exitcode(status))

def tell(**results):
    print(json.dumps(results), flush=True)

"""

# After that, with the layer being read, a program may end so.
ENDINGS = {
    "with everything open": "sys.exit(0)",
    "with the layer kept beyond its module": "import builtins; builtins.kept = (dataset, layer); sys.exit(0)",
    "at once": "import ctypes; ctypes.CDLL(None).exit(0)",
    "from another thread": "import ctypes; threading.Thread(target=lambda: ctypes.CDLL(None).exit(0)).start(); "
                           "time.sleep(60)",
}
