# SPDX-License-Identifier: MIT
"""Lets QGIS say why a Mapillary layer is empty, in View ▸ Panels ▸ Log Messages, under "Mapillary".

While it draws, QGIS does not look at what GDAL says; it goes to the terminal, if there is one. To
have it in the log, put this file into the folder `python` of all profiles: on Linux
~/.local/share/QGIS/QGIS3/startup.py. QGIS runs it when it starts.
"""
import sys

from osgeo import gdal
from qgis.core import Qgis, QgsMessageLog

LEVELS = {gdal.CE_Warning: Qgis.Warning, gdal.CE_Failure: Qgis.Critical, gdal.CE_Fatal: Qgis.Critical}
WORDS = {gdal.CE_Warning: "Warning", gdal.CE_Failure: "ERROR", gdal.CE_Fatal: "FATAL"}


def tell(kind, number, text):
    """Called by GDAL, in whatever thread it works."""
    name, _, words = text.partition(": ")
    if name == "MAPILLARY":
        QgsMessageLog.logMessage(words, "Mapillary", LEVELS.get(kind, Qgis.Info))
    elif sys.stderr:  # as without this script; on Windows there may be none
        print(f"{WORDS[kind]} {number}: {text}" if kind in WORDS else text, file=sys.stderr)


gdal.SetErrorHandler(tell)
