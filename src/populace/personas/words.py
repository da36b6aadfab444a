"""Census labels in plain English: tables from each label to the words of a sentence.

`PLAIN_EDUCATION` is for the plain reading level.
"""

from __future__ import annotations

__all__ = [
    "BIRTH",
    "CHILDREN",
    "CITIZENSHIP",
    "DIFFICULTIES",
    "EDUCATION",
    "FIELD",
    "HOUSEHOLD",
    "LANGUAGE",
    "MINOR_HOUSEHOLD",
    "ORIGIN",
    "OUTSIDE_FAMILY",
    "PARTY",
    "PLAIN_EDUCATION",
    "RACE",
    "RELIGION",
    "TRAITS",
    "VALUES",
]

RACE = {
    "White alone": "white",
    "Black or African American alone": "Black",
    "American Indian alone": "American Indian",
    "Alaska Native alone": "Alaska Native",
    "American Indian/Alaska Native unspecified": "Native American",
    "Asian alone": "Asian",
    "Native Hawaiian/Pacific Islander alone": "Pacific Islander",
    "Two or More Races": "multiracial",
}
ORIGIN = {
    "Not Hispanic": None,
    "Other Central American": "Central American",
    "Other South American": "South American",
    "Spaniard": "Spanish",
    "All other Spanish/Hispanic/Latino": "Hispanic",
}
EDUCATION = {
    "No schooling": "no formal schooling",
    "Preschool": "schooling through preschool",
    "Kindergarten": "schooling through kindergarten",
    **{f"Grade {n}": f"schooling through grade {n}" for n in range(1, 12)},
    "12th grade, no diploma": "schooling through grade 12 but no diploma",
    "Regular high school diploma": "a high school diploma",
    "GED": "a GED",
    "College, under 1 year": "less than a year of college",
    "College, 1 or more years, no degree": "some college but no degree",
    "Associate's degree": "an associate's degree",
    "Bachelor's degree": "a bachelor's degree",
    "Master's degree": "a master's degree",
    "Professional degree": "a professional degree",
    "Doctorate": "a doctorate",
}
PLAIN_EDUCATION = {
    **EDUCATION,
    "No schooling": "no schooling",
    "12th grade, no diploma": "12 years of school but no diploma",
    "Associate's degree": "a two-year college degree",
    "Bachelor's degree": "a four-year college degree",
}
# Keyed without the householder's sex, which the person need not share.
HOUSEHOLD = {
    "Married couple household": "in a married-couple household",
    "Married couple household with children under 18": "in a married-couple household with children",
    "Married couple household, no children under 18": "in a married-couple household without children",
    "Cohabiting couple household": "in an unmarried-couple household",
    "Cohabiting couple household with children under 18": "in an unmarried-couple household with children",
    "Cohabiting couple household, no children under 18": "in an unmarried-couple household without children",
    "Householder living alone": "alone",
    "Householder, no spouse or partner, with children under 18": "in a household with children and one adult"
    " at its head",
    "Householder, no spouse or partner, with relatives, no children under 18": "with relatives",
    "Householder, no spouse or partner, with family": "with family",
    "Householder, no spouse or partner, only nonrelatives present": "with roommates",
    "Other family household: householder, no spouse present": "with family",
    "Nonfamily household: householder living alone": "alone",
    # The older household type does not tell partners from roommates.
    "Nonfamily household: householder not living alone": "with a partner or roommates",
}
OUTSIDE_FAMILY = {
    "Nonfamily household: householder not living alone": "with people outside the family",
    "Householder, no spouse or partner, only nonrelatives present": "with people outside the family",
}
# Of a child, the children of the home include itself.
MINOR_HOUSEHOLD = {
    "Married couple household with children under 18": "in a married-couple household",
    "Cohabiting couple household with children under 18": "in an unmarried-couple household",
    "Householder, no spouse or partner, with children under 18": "in a household with one adult at its head",
    **OUTSIDE_FAMILY,
}
CHILDREN = {
    "Related children under 5 only": "children under 5",
    "Related children 5 to 17 only": "children aged 5 to 17",
    "Related children under 5 and 5 to 17": "children both under and over 5",
}
LANGUAGE = {
    "Spanish": "Spanish",
    "Other Indo-European": "an Indo-European language other than English or Spanish",
    "Asian and Pacific Island": "an Asian or Pacific Island language",
    "Other": "a language other than English",
}
CITIZENSHIP = {"Naturalized citizen": "a naturalized U.S. citizen", "Not a citizen": "not a U.S. citizen"}
BIRTH = {
    "Born in the United States": "in the United States",
    "Born in US territories": "in a U.S. territory",
    "Born abroad of US parents": "abroad to American parents",
}
RELIGION = {
    "Other Christian": "Christian",
    "Other": "a follower of a less common religion",
    "Unaffiliated": "not affiliated with any religion",
}
PARTY = {
    "Democrat": "a Democrat",
    "Republican": "a Republican",
    "Independent": "a political independent",
    "Other": "a supporter of a smaller party",
}
TRAITS = {
    "openness": ("conventional", "curious"),
    "conscientiousness": ("disorganized", "organized"),
    "extraversion": ("reserved", "outgoing"),
    "agreeableness": ("blunt", "warm-hearted"),
    "neuroticism": ("calm", "anxious"),
}
"""Trait -> word for its low and for its high levels."""
VALUES = {
    "self_direction": "independence",
    "stimulation": "excitement",
    "hedonism": "enjoying life",
    "achievement": "success",
    "power": "status",
    "security": "safety",
    "conformity": "following rules",
    "tradition": "tradition",
    "benevolence": "helping those close by",
    "universalism": "the good of all people",
}
DIFFICULTIES = {
    "vision_difficulty": "seeing",
    "hearing_difficulty": "hearing",
    "cognitive_difficulty": "concentrating or remembering",
}
FIELD = {
    "Management occupations": "management",
    "Business operations occupations": "business operations",
    "Financial operations occupations": "financial operations",
    "Computer and mathematical occupations": "computing and mathematics",
    "Architecture and engineering occupations": "architecture and engineering",
    "Life, physical and social science occupations": "the sciences",
    "Community and social service occupations": "community and social services",
    "Legal occupations": "law",
    "Educational instruction and library occupations": "teaching and library work",
    "Arts, design, entertainment, sports and media occupations": "arts, design, entertainment, sports, and"
    " media",
    "Healthcare practitioners and technical occupations": "health care",
    "Healthcare support occupations": "health care support",
    "Protective service occupations": "protective services",
    "Food preparation and serving occupations": "food preparation and serving",
    "Building and grounds cleaning and maintenance occupations": "cleaning and maintenance",
    "Personal care and service occupations": "personal care and service",
    "Sales occupations": "sales",
    "Office and administrative support occupations": "office and administrative support",
    "Farming, fishing and forestry occupations": "farming, fishing, and forestry",
    "Construction occupations": "construction",
    "Extraction occupations": "mining and extraction",
    "Installation, maintenance and repair occupations": "installation, maintenance, and repair",
    "Production occupations": "production",
    "Transportation and material moving occupations": "transportation and material moving",
    "Military occupations": "the military",
}
"""Major occupation group -> what one works in; detailed occupations become a title (`titles`)."""
