import json


def test_all(ask):
    print(
        json.dumps(
            ask("""{ findings { totalCount pageInfo{hasNextPage endCursor} edges { cursor node { id index text side entityCount category{code name path focality} textSide
      scan{name hidden spacingMm shapeVox patient study volume{affineRas storedBytes} metadata{manufacturer} releases{release split protocol visibility} findings{text}}
      report{language findings} sentences{text} reasoning{origin steps{text}}
      annotations{state round{name} policy{kind limit} entities{label}} 
      entities{id label voxels volumeMm3 boxVox{min max} centroidVox centroidLpsMm side huMean sphericity round{name} finding{text} annotation{state}} } } } 
      status{database{version embedded} counts{scans findings entities reports sentences} arrays{volumeBytes maskBytes}}
      rounds{edges{node{name annotations{totalCount} entities{totalCount edges{node{label}}} findings{totalCount edges{node{text}}}}}}
      releases{edges{node{name splits{name visibility scanCount} scans{totalCount edges{node{name}}} findings{edges{node{index text annotations{declaredEntities} entities{label}}}}}}}
      categories{code findingCount parent{code} children{code} findings(first:1){totalCount edges{node{text}}}}
      entitiesAt(scan:"train_1_a_1.nii.gz", ijk:[33,23,12]){label finding{text}}
      scan(name:"nope"){name}
      search(text:"mass", mode: LEXICAL){mode edges{score semanticScore lexicalScore node{text scan{name}}}}
      }"""),
            indent=1,
        )[:20000]
    )
