"""Maps folders onto the import name: framework/ is `fulgurite`, callbacks/ is `fulgurite.callbacks`, and so on."""

from setuptools import find_packages, setup

FOLDERS = {"fulgurite": "framework", "fulgurite.callbacks": "callbacks", "fulgurite.recipes": "recipes"}

packages = [name for name in FOLDERS]
for name, folder in FOLDERS.items():
    packages += [f"{name}.{found}" for found in find_packages(folder)]

setup(
    packages=packages,
    package_dir=FOLDERS,
    package_data={
        "fulgurite": ["py.typed"],
        "fulgurite.recipes": ["**/*.yaml"],
        "fulgurite.reports": ["*.jinja", "*.css"],
        "fulgurite.playground": ["*.jinja", "*.css", "*.js"],
    },
)
