"""A data statement as Croissant 1.0 (JSON-LD), with the vocabulary for responsible AI, RAI 1.0.

`rai:` properties take what people said (`_RAI`) and what the table says. Participation and the gap of
representation have no property there; they stay in documents of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from populace.errors import DataError

if TYPE_CHECKING:
    from populace.bounds.documents.data_statement import Statement
    from populace.bounds.documents.raters import Provenance

__all__ = ["croissant"]

_RAI = {
    "rai:dataCollection": "situation",
    "rai:dataUseCases": "uses",
    "rai:dataLimitations": "limitations",
    "rai:dataBiases": "biases",
    "rai:personalSensitiveInformation": "personal",
    "rai:dataSocialImpact": "impact",
    "rai:dataReleaseMaintenancePlan": "maintenance",
    "rai:dataAnnotationProtocol": "annotators",
}
"""Property of Croissant's vocabulary -> the fact that goes into it."""


def croissant(statement: Statement) -> dict[str, Any]:
    """Give it as Croissant's JSON-LD: what is not said is left out there.

    Raises
    ------
    DataError
        If the table was not read from a file, or there is no name, description or licence.
    """
    facts = statement.facts
    lacking = [name for name in ("name", "description", "licence", "url") if not getattr(facts, name)]
    if lacking or not statement.sha256:
        what = f"Croissant needs {', '.join(lacking)}" if lacking else "Croissant needs a file"
        raise DataError(what, fix="say it in the facts" if lacking else "give the table as a file")
    file = statement.origin.file
    told: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": facts.name,
        "description": facts.description,
        "license": facts.licence,
        "url": facts.url,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": file,
                "name": file,
                "contentUrl": file,
                "encodingFormat": statement.encoding,
                "sha256": statement.sha256,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "judgements",
                "name": "judgements",
                "field": [
                    {
                        "@type": "cr:Field",
                        "@id": f"judgements/{name}",
                        "name": f"judgements/{name}",
                        "dataType": kind,
                        "source": {"fileObject": {"@id": file}, "extract": {"column": name}},
                    }
                    for name, kind in statement.columns
                ],
            }
        ],
    }
    for name, fact in (
        ("creator", "creator"),
        ("datePublished", "published"),
        ("version", "version"),
        ("citeAs", "cite"),
    ):
        if said := getattr(facts, fact):
            told[name] = {"@type": "sc:Organization", "name": said} if name == "creator" else said
    told |= {name: getattr(facts, fact) for name, fact in _RAI.items() if getattr(facts, fact)}
    return told | _counted(statement.origin)


def _counted(origin: Provenance) -> dict[str, Any]:
    """What the table says, in the vocabulary's properties."""
    found: dict[str, Any] = {"rai:dataAnnotationPlatform": _commonest(origin, "channel")}
    if origin.items:
        found["rai:annotationsPerItem"] = f"{origin.rows / origin.items:.2f} on average"
    people = [
        f"{field.name}: {', '.join(f'{value} ({count})' for value, count in field.common)}"
        for field in origin.fields
        if field.name in ("country", "language", "age band") and field.common
    ]
    found["rai:annotatorDemographics"] = people
    if origin.disagreement is not None:
        apart = origin.disagreement
        found["rai:dataAnnotationAnalysis"] = (
            f"two raters of an item differ in {apart.value:.1%} ({apart.low:.1%} to {apart.high:.1%})"
        )
    found["rai:machineAnnotationTools"] = [name for name, _ in origin.by_models]
    return {name: said for name, said in found.items() if said}


def _commonest(origin: Provenance, name: str) -> list[str]:
    return [value for field in origin.fields if field.name == name for value, _ in field.common]


_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""Croissant's own context."""
