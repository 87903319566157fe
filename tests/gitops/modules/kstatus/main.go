// What kstatus says of each object: kstatus FILE... prints a line for each file.
package main

import (
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func main() {
	for _, path := range os.Args[1:] {
		text, err := os.ReadFile(path)
		check(path, err)
		// Into the object itself: its generations have to be whole numbers.
		var object unstructured.Unstructured
		check(path, yaml.Unmarshal(text, &object))
		result, err := status.Compute(&object)
		check(path, err)
		fmt.Println(result.Status)
	}
}

func check(path string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
		os.Exit(1)
	}
}
