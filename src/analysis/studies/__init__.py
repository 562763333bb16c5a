"""The studies: a folder each, which registers itself by being here (see the page *Add a study*)."""
