// What Flux says of each object by the healthCheckExprs of a Kustomization: flux-cel KUSTOMIZATION FILE... prints a line for each file.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) < 2 {
		check("flux-cel", errors.New("it needs a Kustomization"))
	}
	text, err := os.ReadFile(os.Args[1])
	check(os.Args[1], err)
	// A field that Flux does not know is an error, as the API server would say.
	var rules kustomizev1.Kustomization
	check(os.Args[1], strict.UnmarshalStrict(text, &rules))
	for _, path := range os.Args[2:] {
		text, err := os.ReadFile(path)
		check(path, err)
		// Into the object itself: its generations have to be whole numbers.
		var object unstructured.Unstructured
		check(path, yaml.Unmarshal(text, &object))
		said, err := evaluate(rules.Spec.HealthCheckExprs, &object)
		check(path, err)
		fmt.Println(said)
	}
}

func evaluate(rules []kustomize.CustomHealthCheck, object *unstructured.Unstructured) (string, error) {
	for _, rule := range rules {
		if rule.APIVersion != object.GetAPIVersion() || rule.Kind != object.GetKind() {
			continue
		}
		evaluator, err := cel.NewStatusEvaluator(&rule.HealthCheckExpressions)
		if err != nil {
			return "", err
		}
		result, err := evaluator.Evaluate(context.Background(), object)
		if err != nil {
			return "", err
		}
		return result.Status.String(), nil
	}
	return "", fmt.Errorf("the Kustomization has no expressions for a %s", object.GetKind())
}

func check(path string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
		os.Exit(1)
	}
}
