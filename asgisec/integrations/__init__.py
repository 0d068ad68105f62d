"""One file per framework, imported only where an application of that framework is secured."""
