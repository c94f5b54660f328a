# SPDX-License-Identifier: MIT
"""QGIS as somebody sits before it, with a map canvas, but without a screen: a program that does as it is told.

Each line on its standard input is a call, `["count", {"name": "images"}]`, and each line on its
standard output what came of it: `[true, value]`, or `[false, "traceback"]`. It ends with its input.
What GDAL says goes to standard error, as in QGIS. Boxes are west, south, east, north in degrees;
maps are in web mercator.
"""
from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any, Dict, List, Optional

from qgis.core import (NULL, QgsApplication, QgsCategorizedSymbolRenderer, QgsCoordinateReferenceSystem,
                       QgsCoordinateTransform, QgsExpression, QgsExpressionContext, QgsExpressionContextUtils,
                       QgsFeatureRequest, QgsField, QgsMapRendererParallelJob, QgsMapSettings, QgsMarkerSymbol,
                       QgsPointXY, QgsProject, QgsProviderRegistry, QgsRectangle, QgsRendererCategory,
                       QgsSingleSymbolRenderer, QgsSymbol, QgsVectorLayer, QgsVectorLayerCache, QgsWkbTypes)
from qgis.gui import QgsAttributeTableModel, QgsMapCanvas, QgsMapToolIdentify
from qgis.PyQt.QtCore import QDateTime, QSize, QTimer
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import QFrame

DEGREES = QgsCoordinateReferenceSystem("EPSG:4326")
MERCATOR = QgsCoordinateReferenceSystem("EPSG:3857")
Box = List[float]


class User:
    """Each public method is a call."""

    def __init__(self) -> None:
        self.canvas = QgsMapCanvas()
        self.canvas.setCanvasColor(QColor("white"))
        self.canvas.setFrameShape(QFrame.NoFrame)
        self.canvas.enableAntiAliasing(True)
        self.canvas.setDestinationCrs(MERCATOR)
        self.canvas.setPreviewJobsEnabled(False)  # they draw what lies beside the view, ahead of need
        self.canvas.resize(600, 400)
        self.canvas.show()
        QgsApplication.processEvents()
        for timer in self.canvas.findChildren(QTimer):
            timer.stop()  # one draws again half a second after a change of size, and gives up what is being drawn
        self.log: List[List[Any]] = []
        QgsApplication.messageLog().messageReceived.connect(
            lambda text, tag, level: self.log.append([tag, int(level), text]))

    # -- layers

    def sublayers(self, source: str) -> List[Dict[str, Any]]:
        found = QgsProviderRegistry.instance().querySublayers(source)
        return [{"name": one.name(), "uri": one.uri(), "provider": one.providerKey(),
                 "geometry": QgsWkbTypes.displayString(one.wkbType())} for one in found]

    def add(self, source: str, name: str, colour: Optional[str] = None, size: float = 1.0) -> Dict[str, Any]:
        """A layer in the project. With a colour its points are plain discs, `size` millimetres wide."""
        layer = QgsVectorLayer(source, name, "ogr")
        if layer.isValid():
            QgsProject.instance().addMapLayer(layer)
            if colour:
                layer.setRenderer(QgsSingleSymbolRenderer(disc(colour, size)))
        return {"valid": layer.isValid(), "crs": layer.crs().authid(),
                "extent": corners(layer.extent()), "geometry": QgsWkbTypes.displayString(layer.wkbType()),
                "fields": [field.name() for field in layer.fields()],
                "aliases": [field.alias() for field in layer.fields()],
                "choices": {field.name(): choices(field) for field in layer.fields()}}

    def names(self) -> List[str]:
        """Of the layers of the project that a legend shows, from top to bottom."""
        return [layer.name() for layer in QgsProject.instance().layerTreeRoot().layerOrder()]

    def scales(self) -> Dict[str, List[float]]:
        """From which to which scale layers are drawn, where that is limited; 0 is no limit."""
        return {layer.name(): [layer.minimumScale(), layer.maximumScale()]
                for layer in QgsProject.instance().mapLayers().values() if layer.hasScaleBasedVisibility()}

    def sources(self) -> Dict[str, str]:
        return {layer.name(): layer.source() for layer in QgsProject.instance().mapLayers().values()}

    def subset(self, name: str, filter: str) -> Dict[str, Any]:
        layer = layer_called(name)
        return {"taken": layer.setSubsetString(filter), "is": layer.subsetString(), "count": layer.featureCount()}

    def count(self, name: str) -> int:
        return layer_called(name).featureCount()

    def unique(self, name: str, field: str) -> List[Any]:
        layer = layer_called(name)
        return [plain(value) for value in layer.uniqueValues(layer.fields().lookupField(field))]

    def categorise(self, name: str, field: str, colours: Dict[str, str], size: float = 1.0) -> None:
        """The style that "Classify" makes: a symbol for each value that the layer has."""
        layer = layer_called(name)
        values = layer.uniqueValues(layer.fields().lookupField(field))
        layer.setRenderer(QgsCategorizedSymbolRenderer(field, [
            QgsRendererCategory(value, disc(colours[str(value)], size), str(value)) for value in values]))

    # -- the map

    def look(self, layers: List[str], box: Box, path: str) -> Dict[str, Any]:
        """Shows a part of the world on the canvas, and waits until it is drawn."""
        self.canvas.freeze(True)  # else each change would begin a drawing, for the next one to give up
        self.canvas.setLayers([layer_called(name) for name in layers])
        self.canvas.setExtent(to_mercator(box))
        return self.shown(path)

    def look_at_scale(self, lon: float, lat: float, scale: float, path: str,
                      layers: Optional[List[str]] = None) -> Dict[str, Any]:
        """The same around a place; without `layers`, with those that the project shows."""
        self.canvas.freeze(True)
        shown = [layer_called(name) for name in layers or []]
        self.canvas.setLayers(shown or QgsProject.instance().layerTreeRoot().checkedLayers())
        middle = to_mercator([lon, lat, lon, lat]).center()
        self.canvas.setExtent(QgsRectangle.fromCenterAndSize(middle, scale, scale))
        self.canvas.zoomScale(scale)
        return self.shown(path)

    def shown(self, path: str) -> Dict[str, Any]:
        self.canvas.stopRendering()
        self.canvas.freeze(False)
        self.canvas.refresh()
        self.canvas.waitWhileRendering()
        QgsApplication.processEvents()
        settings = self.canvas.mapSettings()
        self.canvas.grab().toImage().save(path)
        extent = settings.visibleExtent()
        return {"scale": self.canvas.scale(), "extent": corners(extent), "degrees": to_degrees(extent)}

    def identify(self, name: str, lon: float, lat: float) -> List[Dict[str, Any]]:
        """What a click on the canvas finds."""
        tool = QgsMapToolIdentify(self.canvas)
        place = self.canvas.getCoordinateTransform().transform(to_mercator([lon, lat, lon, lat]).center())
        found = tool.identify(round(place.x()), round(place.y()), [layer_called(name)], QgsMapToolIdentify.ActiveLayer)
        return [attributes(one.mFeature) for one in found]

    def tip(self, name: str, lon: float, lat: float) -> str:
        """The map tip of the feature there."""
        layer = layer_called(name)
        box = QgsRectangle(lon - 1e-6, lat - 1e-6, lon + 1e-6, lat + 1e-6)
        feature = next(layer.getFeatures(QgsFeatureRequest().setFilterRect(box)))
        context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
        context.setFeature(feature)
        return QgsExpression.replaceExpressionText(layer.mapTipTemplate(), context)

    def table(self, name: str) -> List[List[Any]]:
        """The attribute table of what is visible on the map."""
        layer = layer_called(name)
        cache = QgsVectorLayerCache(layer, 10000)
        model = QgsAttributeTableModel(cache)
        to_layer = QgsCoordinateTransform(MERCATOR, layer.crs(), QgsProject.instance())
        model.setRequest(QgsFeatureRequest().setFilterRect(to_layer.transformBoundingBox(self.canvas.extent())))
        model.loadLayer()
        rows = [attributes(model.feature(model.index(row, 0))) for row in range(model.rowCount())]
        del model, cache
        return rows

    def select(self, name: str, box: Box) -> int:
        layer = layer_called(name)
        layer.selectByRect(QgsRectangle(*box))
        return len(list(layer.getSelectedFeatures()))

    # -- many at once

    def draw_many(self, layers: List[str], boxes: List[Box], paths: List[str], cancelled: int = 0) -> None:
        """A picture of each box, all at the same time, each layer by a thread of its own. So many more are begun and
        given up."""
        jobs = [QgsMapRendererParallelJob(settings_for(layers, box)) for box in boxes]
        given_up = [QgsMapRendererParallelJob(settings_for(layers, boxes[n % len(boxes)])) for n in range(cancelled)]
        for job in jobs + given_up:
            job.start()
        for job in given_up:
            job.cancel()
        for job, path in zip(jobs, paths):
            job.waitForFinished()
            job.renderedImage().save(path)

    # -- projects

    def save(self, path: str) -> bool:
        return QgsProject.instance().write(path)

    def load(self, path: str) -> bool:
        return QgsProject.instance().read(path)

    def clear(self) -> None:
        QgsProject.instance().clear()

    def apply_style(self, name: str, path: str) -> bool:
        _, taken = layer_called(name).loadNamedStyle(path)
        return taken

    # -- what QGIS said

    def said(self) -> List[List[Any]]:
        """The lines of the message log since the last call: tag, level (0 info, 1 warning, 2 critical), text."""
        QgsApplication.processEvents()
        said, self.log = self.log, []
        return said

    def run(self, path: str) -> None:
        """A script as QGIS runs it when it starts."""
        with open(path, encoding="utf-8") as script:
            exec(compile(script.read(), path, "exec"), {"__name__": "startup"})


def choices(field: QgsField) -> Dict[str, Any]:
    """What the form of a layer offers for a field: the words, and the value that each stands for."""
    setup = field.editorWidgetSetup()
    offered = setup.config().get("map", []) if setup.type() == "ValueMap" else []
    return {word: plain(value) for one in offered for word, value in one.items()}


def layer_called(name: str) -> QgsVectorLayer:
    (layer,) = QgsProject.instance().mapLayersByName(name)
    return layer


def disc(colour: str, size: float) -> QgsSymbol:
    return QgsMarkerSymbol.createSimple({"name": "circle", "color": colour, "outline_style": "no", "size": str(size)})


def settings_for(layers: List[str], box: Box) -> QgsMapSettings:
    settings = QgsMapSettings()
    settings.setLayers([layer_called(name) for name in layers])
    settings.setDestinationCrs(MERCATOR)
    settings.setOutputSize(QSize(600, 400))
    settings.setExtent(to_mercator(box))
    settings.setBackgroundColor(QColor("white"))
    return settings


def to_mercator(box: Box) -> QgsRectangle:
    transform = QgsCoordinateTransform(DEGREES, MERCATOR, QgsProject.instance())
    west_south, east_north = (transform.transform(QgsPointXY(*corner)) for corner in (box[:2], box[2:]))
    return QgsRectangle(west_south, east_north)


def to_degrees(extent: QgsRectangle) -> Box:
    transform = QgsCoordinateTransform(MERCATOR, DEGREES, QgsProject.instance())
    return corners(transform.transformBoundingBox(extent))


def corners(box: QgsRectangle) -> Box:
    return [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()]


def attributes(feature: Any) -> Dict[str, Any]:
    geometry = feature.geometry()
    found = {field.name(): plain(feature[field.name()]) for field in feature.fields()}
    if QgsWkbTypes.geometryType(geometry.wkbType()) == QgsWkbTypes.PointGeometry and not geometry.isNull():
        found["lon"], found["lat"] = geometry.asPoint().x(), geometry.asPoint().y()
    return {"fid": feature.id(), **found}


def plain(value: Any) -> Any:
    """Something that JSON has."""
    if isinstance(value, QDateTime):
        return value.toMSecsSinceEpoch()
    return None if value == NULL else value


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever QGIS prints is not an answer
    application = QgsApplication([], True)
    application.initQgis()
    user = User()
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = [True, getattr(user, name)(**arguments)]
        except Exception:
            answer = [False, traceback.format_exc()]
        print(json.dumps(answer), file=answers, flush=True)
    QgsProject.instance().clear()
    del user.canvas
    application.exitQgis()
    sys.stderr.flush()
    os._exit(0)  # Python and Qt do not agree on who takes what down first


if __name__ == "__main__":
    main()
